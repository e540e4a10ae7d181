/** One request to one endpoint over HTTP/1.1, by Node's own client. */
import {
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { type AppSide, type Attempt, beginAttempt, isRepeatable } from './attempt.ts'
import type { Context, Exchange } from './exchange.ts'
import type { Repeatable } from './kept.ts'
import { type Answer, relay } from './relay.ts'
import type { EndpointState } from './state.ts'
import { type Upload, uploadTo } from './upload.ts'

/** An answer up to this size goes on in one piece where it arrived in one piece. */
const WHOLE_BYTES = 16 * 1024

/** Opens the request; `extra` are headers of this hop. The connection is new where a kept one failed before. */
export function openRequest(exchange: Exchange, endpoint: EndpointState, extra: string[]): ClientRequest {
  const options: RequestOptions & Repeatable = {
    agent: exchange.staleConnections > 0 ? false : endpoint.pools.agent,
    host: endpoint.host,
    port: endpoint.port,
    method: exchange.record.method,
    path: exchange.path,
    headers: extra.length ? exchange.headers.concat(extra) : exchange.headers,
    setHost: false,
    isRepeatable: isRepeatable(exchange),
  }
  const upstream = httpRequest(options)
  // Node would silently drop headers beyond a number; the bytes are bounded anyway.
  upstream.maxHeadersCount = 0
  return upstream
}

/** Tells the attempt when bytes can flow. */
export function onSocket(upstream: ClientRequest, attempt: Attempt): void {
  upstream.on('socket', (socket) => {
    if (socket.connecting) {
      attempt.connecting()
      socket.once('connect', attempt.connected)
    } else attempt.connected()
  })
}

/** An answer of Node's HTTP/1 client. */
export function http1Answer(upstream: ClientRequest, message: IncomingMessage): Answer {
  return {
    status: message.statusCode!,
    message: message.statusMessage ?? '',
    rawHeaders: message.rawHeaders,
    body: message,
    whole() {
      if (!message.complete || message.aborted || message.readableLength > WHOLE_BYTES) return null
      return (message.read() as Buffer | null) ?? EMPTY
    },
    isEmpty: false,
    trailers: () => message.rawTrailers,
    isWhole: () => message.complete,
    cancel: () => upstream.destroy(),
  }
}

const EMPTY = Buffer.alloc(0)

export function sendHttp1(
  context: Context,
  exchange: Exchange,
  endpoint: EndpointState,
  again: () => void,
): void {
  const { client } = exchange
  const upstream = openRequest(exchange, endpoint, framing(exchange))
  const upload = exchange.hasBody ? bodyOf(context, exchange, upstream, () => attempt.moved()) : null
  let answer: IncomingMessage | null = null
  const app: AppSide = {
    cancel() {
      upload?.stop()
      // A connection at rest goes on to the next request.
      if (!answer?.complete || !upstream.writableFinished) upstream.destroy()
    },
    onConnected: () => upload?.start(),
    isReused: () => upstream.reusedSocket,
  }
  const attempt = beginAttempt(context, exchange, endpoint, app, again)
  onSocket(upstream, attempt)
  if (upload) {
    upstream.once('continue', () => {
      if (exchange.head.expectsContinue) client.inform(100)
    })
  } else upstream.end()
  upstream.on('information', (info) => {
    if (info.statusCode === 103) client.inform(103, info.headers.link)
  })
  upstream.on('response', (message) => {
    answer = message
    upload?.relax()
    // By the next tick, what came in one piece with the head has been parsed as well.
    const isWanted = attempt.answered()
    process.nextTick(() => {
      if (isWanted && !exchange.over)
        relay(context, exchange, endpoint, http1Answer(upstream, message), attempt.free)
    })
  })
  upstream.on('error', (error) => {
    upload?.stop()
    attempt.failed(error)
  })
  upstream.on('close', attempt.free)
}

function bodyOf(context: Context, exchange: Exchange, upstream: ClientRequest, moved: () => void): Upload {
  const end = (trailers: [string, string][]) => {
    if (trailers.length && exchange.head.chunked) upstream.addTrailers(trailers)
    upstream.end()
  }
  return uploadTo(context, exchange, upstream, end, moved)
}

/** The headers that say where the body ends, written anew for this hop. */
function framing({ head, record }: Exchange): string[] {
  const headers = head.takesTrailers ? ['te', 'trailers'] : []
  if (head.chunked) headers.push('transfer-encoding', 'chunked')
  else if (head.contentLength !== null) headers.push('content-length', head.contentLength)
  else if (record.method === 'POST' || record.method === 'PUT' || record.method === 'PATCH') {
    headers.push('content-length', '0')
  }
  return headers
}
