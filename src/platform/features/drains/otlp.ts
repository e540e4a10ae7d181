/** OTLP over HTTP in its JSON encoding. A line's stable id is `log.record.uid`, by which a receiver knows doubles. */
import { type IncomingMessage, request as plainRequest } from 'node:http'
import { request as secureRequest } from 'node:https'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { LogLine } from '../../../api/logs.ts'
import { VERSION } from '../../../api/version.ts'
import { ANSWER_WITHIN, type Send, SendFailure, type Taken } from './send.ts'

const compress = promisify(gzip)
/** The receiver can take the next batch, not this one. */
const REFUSED = new Set([400, 413, 422])
const LONGEST_WAIT = 300_000
const ANSWER_BYTES = 65_536
const SEVERITY_WARN = 13

type Attribute = { key: string; value: { stringValue: string } | { intValue: string } }

const text = (key: string, value: string): Attribute => ({ key, value: { stringValue: value } })

/** An ExportLogsServiceRequest; lines of one instance share a resource. */
export function otlpRequest(lines: readonly LogLine[]) {
  const groups = new Map<string, LogLine[]>()
  for (const line of lines) {
    const group = `${line.app} ${line.instance} ${line.release}`
    groups.set(group, [...(groups.get(group) ?? []), line])
  }
  return {
    resourceLogs: [...groups.values()].map((group) => ({
      resource: { attributes: resourceOf(group[0]!) },
      scopeLogs: [{ scope: { name: 'towpath', version: VERSION }, logRecords: group.map(recordOf) }],
    })),
  }
}

/** As its processes find it in TOW_RELEASE. */
export const versionOf = ({ release, space }: LogLine) =>
  space === undefined ? `v${release}` : `${space}.${release}`

function resourceOf(line: LogLine): Attribute[] {
  return [
    text('service.name', line.app),
    text('service.version', versionOf(line)),
    text('service.instance.id', line.instance),
    text('deployment.environment.name', line.environment),
    text('towpath.process', line.process),
    ...(line.space === undefined ? [] : [text('towpath.space', line.space)]),
  ]
}

function recordOf(line: LogLine) {
  const nanoseconds = `${Date.parse(line.at)}000000`
  const isOwn = line.stream === 'platform'
  return {
    timeUnixNano: nanoseconds,
    observedTimeUnixNano: nanoseconds,
    ...(line.missing === undefined ? {} : { severityNumber: SEVERITY_WARN, severityText: 'WARN' }),
    body: { stringValue: line.text },
    attributes: [
      text('log.record.uid', line.id),
      isOwn ? text('towpath.stream', line.stream) : text('log.iostream', line.stream),
      ...(line.missing === undefined
        ? []
        : [{ key: 'towpath.missing', value: { intValue: String(line.missing) } }]),
    ],
  }
}

export function openOtlp(to: { url: string; headers: Record<string, string>; authorities?: string }): Send {
  return async function send(lines, signal): Promise<Taken> {
    const answer = await post(to, await compress(JSON.stringify(otlpRequest(lines))), signal)
    if (answer.status >= 200 && answer.status < 300) return { refused: rejectedIn(answer.body, lines.length) }
    if (answer.status === 413 && lines.length > 1) {
      const half = lines.length >> 1
      const first = await send(lines.slice(0, half), signal)
      const second = await send(lines.slice(half), signal)
      return { refused: first.refused + second.refused }
    }
    if (REFUSED.has(answer.status)) return { refused: lines.length }
    throw new SendFailure(`the receiver answered ${answer.status}`, answer.after)
  }
}

/** Of an ExportLogsServiceResponse; what can't be read says that all was taken. */
function rejectedIn(body: string, most: number): number {
  try {
    const count = Number(JSON.parse(body)?.partialSuccess?.rejectedLogRecords)
    return count > 0 ? Math.min(most, Math.floor(count)) : 0
  } catch {
    return 0
  }
}

async function post(
  { url, headers, authorities }: Parameters<typeof openOtlp>[0],
  body: Buffer,
  signal: AbortSignal,
): Promise<{ status: number; body: string; after: number | null }> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN)])
  const { tls, request } = url.startsWith('https:')
    ? { tls: authorities === undefined ? {} : { ca: await trusted(authorities) }, request: secureRequest }
    : { tls: {}, request: plainRequest }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = request(
      url,
      {
        ...tls,
        method: 'POST',
        signal: patience,
        headers: {
          ...headers,
          'content-type': 'application/json',
          'content-encoding': 'gzip',
          'content-length': body.length,
          'user-agent': `towpath/${VERSION}`,
        },
      },
      resolve,
    )
    sent.on('error', reject)
    sent.end(body)
  })
  let answer = ''
  for await (const chunk of response.setEncoding('utf8')) {
    if (answer.length < ANSWER_BYTES) answer += chunk
  }
  return {
    status: response.statusCode ?? 0,
    body: answer,
    after: retryAfter(response.headers['retry-after']),
  }
}

/** Seconds or a date, as milliseconds from now. */
function retryAfter(header: string | undefined): number | null {
  if (header === undefined) return null
  const wait = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isFinite(wait) ? Math.min(LONGEST_WAIT, Math.max(0, wait)) : null
}

/** The usual authorities and those given. */
export async function trusted(authorities: string): Promise<string[]> {
  const { rootCertificates } = await import('node:tls')
  return [...rootCertificates, authorities]
}
