/** Speaks the protocol from the platform's side. Reconnects to nothing by itself: a failed call is UNAVAILABLE. */
import { once } from 'node:events'
import { Agent, type IncomingMessage, request } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ErrorCode } from '../api/errors.ts'
import { ERROR_CODES, TowError } from '../api/errors.ts'
import { appName } from './paths.ts'
import type {
  CronRun,
  Desired,
  ForwardOrder,
  Ground,
  Hello,
  JobBody,
  JobStatus,
  Observation,
  Problem,
  Restarted,
  Target,
  UsageSample,
} from './shapes.ts'

export interface RunnerClient {
  hello(): Promise<Hello>
  problems(): Promise<Problem[]>
  ground(target: Target): Promise<Ground>
  apply(target: Target, generation: number, desired: Desired): Promise<void>
  remove(target: Target, generation: number): Promise<void>
  observe(target: Target): Promise<Observation>
  observeAll(): Promise<Observation[]>
  watch(target: Target, signal: AbortSignal): AsyncIterable<Observation>
  /** Starts the commands of a live set anew, as far as they don't reload by themselves. */
  restart(target: Target, set: string): Promise<Restarted>
  run(target: Target, job: JobBody): Promise<JobStatus>
  job(target: Target, key: string): Promise<JobStatus | null>
  cancel(target: Target, key: string): Promise<void>
  /** Frames both ways. */
  attach(target: Target, key: string): Promise<Duplex>
  forward(target: Target, order: ForwardOrder): Promise<Duplex>
  /** What is in force, values hidden; null where nothing is. */
  desired(target: Target): Promise<{ generation: number; desired: Desired } | null>
  samples(target: Target, since: string): Promise<UsageSample[]>
  cronRuns(target: Target): Promise<Record<string, CronRun[]>>
  /** Ends the runner; with `apps` everything that it runs as well. */
  shutdown(options: { apps: boolean }): Promise<void>
  close(): void
}

const CALL_MILLISECONDS = 30_000

export function connectRunner(socketPath: string): RunnerClient {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 4 })

  async function send(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const sent = request({
      socketPath,
      agent,
      method,
      path,
      ...(signal ? { signal } : { timeout: CALL_MILLISECONDS }),
      headers:
        text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
    })
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')))
    sent.end(text)
    const response = await answered(sent)
    if (response.statusCode === 200) return response
    throw await toError(response)
  }

  async function call<Value>(method: string, path: string, body?: unknown): Promise<Value> {
    const response = await send(method, path, body)
    return JSON.parse(await text(response)) as Value
  }

  async function* stream<Item>(path: string, signal: AbortSignal): AsyncGenerator<Item> {
    if (signal.aborted) return
    const response = await send('GET', path, undefined, signal)
    let kept = ''
    try {
      response.setEncoding('utf8')
      for await (const chunk of response) {
        const rows = (kept + chunk).split('\n')
        kept = rows.pop()!
        for (const row of rows) if (row) yield JSON.parse(row) as Item
      }
    } catch (error) {
      if (!signal.aborted) throw unavailable(error)
    }
  }

  async function connect(path: string): Promise<Duplex> {
    const sent = request({ socketPath, path, headers: { connection: 'upgrade', upgrade: 'towpath' } })
    const upgraded = once(sent, 'upgrade') as Promise<[IncomingMessage, Duplex, Buffer]>
    upgraded.catch(() => {})
    const refused = answered(sent)
    refused.catch(() => {})
    sent.end()
    const first = await Promise.race([upgraded, refused.then((response) => ({ response }))]).catch(
      (error) => {
        throw unavailable(error)
      },
    )
    if ('response' in first) throw await toError(first.response)
    const [, socket, head] = first
    if (head.length > 0) socket.unshift(head)
    return socket
  }

  return {
    hello: () => call('GET', '/v1/hello'),
    problems: () => call('GET', '/v1/problems'),
    ground: (target) => call('POST', `${at(target)}/ground`),
    apply: (target, generation, desired) => call('PUT', at(target), { generation, desired }),
    remove: (target, generation) => call('DELETE', at(target), { generation }),
    observe: (target) => call('GET', at(target)),
    observeAll: () => call('GET', '/v1/targets'),
    watch: (target, signal) => stream(`${at(target)}/watch`, signal),
    restart: (target, set) => call('POST', `${at(target)}/restart`, { set }),
    run: (target, job) => call('POST', `${at(target)}/jobs`, job),
    job: (target, key) => call('GET', `${at(target)}/jobs/${encodeURIComponent(key)}`),
    cancel: (target, key) => call('DELETE', `${at(target)}/jobs/${encodeURIComponent(key)}`),
    attach: (target, key) => connect(`${at(target)}/jobs/${encodeURIComponent(key)}`),
    forward: (target, { set, process, port }) =>
      connect(`${at(target)}/forward?${new URLSearchParams({ set, process, port: String(port) })}`),
    desired: (target) => call('GET', `${at(target)}/desired`),
    samples: (target, since) => call('GET', `${at(target)}/samples?since=${encodeURIComponent(since)}`),
    cronRuns: (target) => call('GET', `${at(target)}/crons`),
    shutdown: (options) => call('POST', '/v1/shutdown', options),
    close: () => agent.destroy(),
  }
}

function at(target: Target): string {
  return `/v1/targets/${target.environment}/${appName(target)}`
}

function answered(sent: ReturnType<typeof request>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.on('response', resolve)
    sent.on('error', (error) => reject(unavailable(error)))
  })
}

async function text(response: IncomingMessage): Promise<string> {
  try {
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk)
    return Buffer.concat(chunks).toString('utf8')
  } catch (error) {
    throw unavailable(error)
  }
}

async function toError(response: IncomingMessage): Promise<TowError> {
  const body = JSON.parse(await text(response)) as { code: string; message: string; hint?: string }
  const code = body.code in ERROR_CODES ? (body.code as ErrorCode) : 'INTERNAL'
  return new TowError(code, body.message, body.hint === undefined ? {} : { hint: body.hint })
}

function unavailable(cause: unknown): TowError {
  if (cause instanceof TowError) return cause
  return new TowError('UNAVAILABLE', `the runner does not answer: ${(cause as Error).message}`, {
    hint: 'tow status',
    cause,
  })
}
