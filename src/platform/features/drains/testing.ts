/** Receivers of other people's protocols, for tests: strict about the form, and failing on request. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, createServer as createPlain, type Socket } from 'node:net'
import { createServer as createSecure } from 'node:tls'
import { gunzipSync } from 'node:zlib'
import * as z from 'zod'

const Value = z.union([
  z.strictObject({ stringValue: z.string() }),
  z.strictObject({ intValue: z.string().regex(/^\d+$/) }),
])
const Attributes = z.array(z.strictObject({ key: z.string().min(1), value: Value }))
/** opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest in protobuf's JSON mapping; nothing else is known. */
const ExportLogsServiceRequest = z.strictObject({
  resourceLogs: z.array(
    z.strictObject({
      resource: z.strictObject({ attributes: Attributes }),
      scopeLogs: z.array(
        z.strictObject({
          scope: z.strictObject({ name: z.string(), version: z.string() }),
          logRecords: z.array(
            z.strictObject({
              timeUnixNano: z.string().regex(/^\d{19}$/),
              observedTimeUnixNano: z.string().regex(/^\d{19}$/),
              severityNumber: z.int().min(1).max(24).optional(),
              severityText: z.string().optional(),
              body: Value,
              attributes: Attributes,
            }),
          ),
        }),
      ),
    }),
  ),
})

export interface Received {
  id: string
  text: string
  resource: Record<string, string>
  attributes: Record<string, string>
}

export type Answer = { status: number; body?: string; headers?: Record<string, string> }

/** `answer` decides by what came; lines of an answer below 300 count as received. */
export async function receiveOtlp(answer: (lines: Received[]) => Answer = () => ({ status: 200 })) {
  const received: Received[] = []
  const headers: IncomingHttpHeaders[] = []
  const problems: unknown[] = []
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    headers.push(request.headers)
    try {
      if (request.url !== '/v1/logs' || request.method !== 'POST')
        throw new Error(`${request.method} ${request.url}`)
      const parsed = ExportLogsServiceRequest.parse(JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()))
      const lines = parsed.resourceLogs.flatMap(({ resource, scopeLogs }) =>
        scopeLogs.flatMap(({ logRecords }) =>
          logRecords.map((record) => {
            const attributes = asRecord(record.attributes)
            const text = 'stringValue' in record.body ? record.body.stringValue : ''
            return {
              id: attributes['log.record.uid']!,
              text,
              resource: asRecord(resource.attributes),
              attributes,
            }
          }),
        ),
      )
      const { status, body = '{}', headers: more } = answer(lines)
      if (status < 300) received.push(...lines)
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(body)
    } catch (error) {
      problems.push(error)
      response.writeHead(500).end()
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    ...{ received, headers, problems, port, url: `http://127.0.0.1:${port}` },
    async close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function asRecord(attributes: z.infer<typeof Attributes>): Record<string, string> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, 'stringValue' in value ? value.stringValue : value.intValue]),
  )
}

/** A certificate of its own authority for 127.0.0.1; throws where there is no openssl. */
export function makeCertificate(folder: string): { key: string; cert: string } {
  const paths = { key: `${folder}/key.pem`, cert: `${folder}/cert.pem` }
  const options = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2']
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const files = ['-keyout', paths.key, '-out', paths.cert]
  execFileSync('openssl', ['req', '-x509', ...options, ...subject, ...files], { stdio: 'pipe' })
  return { key: readFileSync(paths.key, 'utf8'), cert: readFileSync(paths.cert, 'utf8') }
}

/** Reads octet-counted frames; `tls` null for plain TCP. `breaks`: connections that are cut off without being read. */
export async function receiveSyslog(tls: { key: string; cert: string } | null, breaks = 0) {
  const messages: string[] = []
  let cut = 0
  const accept = (socket: Socket) => {
    socket.on('error', () => {})
    if (cut++ < breaks) return void socket.resetAndDestroy()
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', () => messages.push(...framesOf(Buffer.concat(chunks))))
  }
  const server = tls ? createSecure(tls, accept) : createPlain(accept)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { messages, port: (server.address() as AddressInfo).port, close: () => server.close() }
}

function framesOf(bytes: Buffer): string[] {
  const frames: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at)
    const length = Number(bytes.toString('latin1', at, space))
    if (!(length > 0) || space + 1 + length > bytes.length) throw new Error('not a frame')
    frames.push(bytes.toString('utf8', space + 1, space + 1 + length))
    at = space + 1 + length
  }
  return frames
}
