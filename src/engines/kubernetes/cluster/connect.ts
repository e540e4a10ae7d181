/** The way to a cluster's API: requests, streams and sockets, in one shape for every kind of object. */
import type { IncomingMessage } from 'node:http'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { setTimeout as delay } from 'node:timers/promises'
import WebSocket from 'ws'
import { TowError } from '../../../api/errors.ts'
import { type ClusterOptions, readLogin } from './login.ts'

export interface Call {
  query?: Record<string, string | number | boolean | undefined>
  body?: unknown
  contentType?: string
  /** Milliseconds; 15 s unless told. */
  timeout?: number
  signal?: AbortSignal | undefined
}

export interface Cluster {
  readonly namespace: string
  /** Of the API server, for people. */
  readonly server: string
  request<Answer>(method: string, path: string, call?: Call): Promise<Answer>
  /** The answer's body as it comes; ends with the signal. */
  stream(path: string, query: Call['query'], signal: AbortSignal): Promise<IncomingMessage>
  /** Opened and paused: whoever listens resumes it. */
  socket(path: string, query: URLSearchParams, protocol: string): Promise<WebSocket>
  /** The same connection, for another namespace; closed with this one. */
  inside(namespace: string): Cluster
  close(): void
}

/** What the API server answered instead of what was asked for. */
export class ClusterError extends Error {
  readonly status: number
  /** `NotFound`, `Conflict`, `Expired`, ... */
  readonly reason: string
  readonly causes: { field?: string; message?: string; reason?: string }[]

  constructor(status: number, body: StatusBody, what: string) {
    super(body.message ?? `${what} answered ${status}`)
    this.status = status
    this.reason = body.reason ?? ''
    this.causes = body.details?.causes ?? []
  }
}

interface StatusBody {
  message?: string
  reason?: string
  details?: { causes?: { field?: string; message?: string; reason?: string }[]; retryAfterSeconds?: number }
}

export function hasStatus(error: unknown, ...statuses: number[]): error is ClusterError {
  return error instanceof ClusterError && statuses.includes(error.status)
}

const TIMEOUT = 15_000
const TRIES = 4
/** Longest wait that a server may ask for in one go. */
const LONGEST_WAIT = 5000

export async function connectCluster(options: ClusterOptions): Promise<Cluster> {
  const { base, authorised } = await readLogin(options)
  const server = base.origin

  async function open(method: string, path: string, call: Call): Promise<IncomingMessage> {
    const url = address(base, path, call.query)
    const settings = await authorised()
    const body = call.body === undefined ? null : Buffer.from(JSON.stringify(call.body))
    const ask = url.protocol === 'http:' ? httpRequest : httpsRequest
    return new Promise((resolve, reject) => {
      const request = ask(url, {
        ...settings,
        method,
        headers: {
          ...(settings.headers as Record<string, string>),
          accept: 'application/json',
          'user-agent': 'towpath',
          ...(body
            ? { 'content-type': call.contentType ?? 'application/json', 'content-length': body.length }
            : {}),
        },
        ...(call.signal ? { signal: call.signal } : {}),
      })
      request.on('response', resolve)
      request.on('error', reject)
      request.end(body ?? undefined)
    })
  }

  async function once<Answer>(method: string, path: string, call: Call): Promise<Answer> {
    const patience = new AbortController()
    const timer = setTimeout(() => patience.abort(new Error('no answer in time')), call.timeout ?? TIMEOUT)
    const signal = call.signal ? AbortSignal.any([call.signal, patience.signal]) : patience.signal
    try {
      const response = await open(method, path, { ...call, signal })
      const text = await readAll(response)
      const status = response.statusCode ?? 0
      if (status >= 200 && status < 300) return (text === '' ? {} : JSON.parse(text)) as Answer
      throw new ClusterError(status, statusBody(text), `${method} ${path}`)
    } catch (error) {
      if (call.signal?.aborted) throw error
      throw patience.signal.aborted ? new Error('no answer in time') : error
    } finally {
      clearTimeout(timer)
    }
  }

  const cluster: Cluster = {
    namespace: options.namespace,
    server,
    async request<Answer>(method: string, path: string, call: Call = {}): Promise<Answer> {
      for (let tries = 1; ; tries += 1) {
        try {
          return await once<Answer>(method, path, call)
        } catch (error) {
          const wait = tries < TRIES ? retryAfter(error, method, tries) : null
          if (wait === null || call.signal?.aborted) throw told(error, server)
          await delay(wait)
        }
      }
    },
    async stream(path, query, signal) {
      const response = await open('GET', path, query ? { query, signal } : { signal }).catch((error) => {
        throw signal.aborted ? error : told(error, server)
      })
      const status = response.statusCode ?? 0
      if (status === 200) return response
      throw new ClusterError(status, statusBody(await readAll(response)), `GET ${path}`)
    },
    async socket(path, query, protocol) {
      const url = address(base, path, undefined)
      url.protocol = url.protocol === 'http:' ? 'ws:' : 'wss:'
      url.search = query.toString()
      const { agent, headers, ca, cert, key, rejectUnauthorized } = await authorised()
      const proxy = typeof agent === 'object' ? { agent } : {}
      const socket = new WebSocket(url, [protocol], {
        ...proxy,
        ca,
        cert,
        key,
        rejectUnauthorized,
        headers: headers as Record<string, string>,
      })
      return new Promise((resolve, reject) => {
        socket.once('open', () => {
          // Nothing may be told before somebody listens.
          socket.pause()
          resolve(socket)
        })
        socket.once('error', (error) => reject(told(error, server)))
        socket.once('unexpected-response', (_request, response) => {
          void readAll(response).then((text) =>
            reject(new ClusterError(response.statusCode ?? 0, statusBody(text), `socket ${path}`)),
          )
        })
      })
    },
    inside: (namespace) => ({ ...cluster, namespace, close() {} }),
    close() {
      void authorised()
        .then(({ agent }) => typeof agent === 'object' && agent.destroy())
        .catch(() => {})
    },
  }
  return cluster
}

function address(base: URL, path: string, query: Call['query']): URL {
  const url = new URL(path.replace(/^\//, ''), base)
  for (const [key, value] of Object.entries(query ?? {})) {
    if (value !== undefined) url.searchParams.set(key, String(value))
  }
  return url
}

async function readAll(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

function statusBody(text: string): StatusBody {
  try {
    return JSON.parse(text) as StatusBody
  } catch {
    return text === '' ? {} : { message: text.slice(0, 500) }
  }
}

/**
 * Milliseconds until a call may be repeated, null where it may not. A server that says when to come back has done
 * nothing; a connection that broke may have carried the call, so only what changes nothing twice is asked again.
 */
function retryAfter(error: unknown, method: string, tries: number): number | null {
  const backoff = 100 * 2 ** tries
  if (error instanceof ClusterError) return error.status === 429 ? Math.min(LONGEST_WAIT, backoff * 5) : null
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ECONNRESET' || code === 'EPIPE') return method === 'POST' ? null : backoff
  return null
}

/** A connection that failed, as one sentence; an answer of the server stays what it is. */
function told(error: unknown, server: string): unknown {
  if (error instanceof ClusterError || error instanceof TowError) return error
  const reason =
    (error as NodeJS.ErrnoException).message || (error as NodeJS.ErrnoException).code || 'unknown'
  return new TowError('UNAVAILABLE', `the cluster at ${server} does not answer: ${reason}`, {
    hint: 'tow doctor tells more',
    cause: error,
  })
}
