/** One request to one endpoint over HTTP/2 without TLS, by Node's own client: what gRPC asks for. */
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from 'node:http2'
import { beginAttempt } from './attempt.ts'
import { http2Headers } from './client-http2.ts'
import type { Context, Exchange } from './exchange.ts'
import { type Answer, relay } from './relay.ts'
import type { EndpointState } from './state.ts'
import { uploadTo } from './upload.ts'

export function sendHttp2(
  context: Context,
  exchange: Exchange,
  endpoint: EndpointState,
  again: () => void,
): void {
  const { client } = exchange
  const { session, isReused, done } = endpoint.pools.http2.take()
  let sent: [string, string][] = []
  const stream = session.request(requestHeaders(exchange), {
    endStream: !exchange.hasBody,
    waitForTrailers: exchange.hasBody,
  })
  // A body that was cut off must not look as if it had ended.
  stream.on('wantTrailers', () => {
    if (!stream.closed) stream.sendTrailers(http2Headers(sent.flat()))
  })
  const upload = uploadTo(
    context,
    exchange,
    stream,
    (trailers) => {
      sent = trailers
      stream.end()
    },
    () => attempt.moved(),
  )
  const attempt = beginAttempt(
    context,
    exchange,
    endpoint,
    {
      cancel() {
        upload.stop()
        if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL)
      },
      onConnected: upload.start,
      isReused: () => isReused,
      isUntouched: () => stream.rstCode === constants.NGHTTP2_REFUSED_STREAM && !exchange.hasBody,
    },
    again,
  )
  if (session.connecting) {
    attempt.connecting()
    session.once('connect', () => stream.destroyed || attempt.connected())
  } else attempt.connected()
  let received: readonly string[] = []
  stream.on('trailers', (_headers: unknown, _flags: number, raw?: readonly string[]) => {
    received = raw ?? []
  })
  stream.on('headers', (headers: IncomingHttpHeaders) => {
    if (Number(headers[':status']) === 103) client.inform(103, headers.link)
  })
  stream.on('response', (headers, flags: number, raw?: readonly string[]) => {
    upload.relax()
    const answer = http2Answer(stream, Number(headers[':status']), flags, raw ?? [], () => received)
    if (attempt.answered()) relay(context, exchange, endpoint, answer, attempt.free)
  })
  stream.on('error', (error) => {
    upload.stop()
    attempt.failed(error)
  })
  stream.on('close', () => {
    done()
    attempt.failed(new Error('the stream was closed'))
  })
}

function requestHeaders({ headers, head, record, path }: Exchange) {
  const { host, ...rest } = http2Headers(headers)
  return {
    ...rest,
    ':method': record.method,
    ':path': path,
    ':scheme': 'http',
    ':authority': String(host),
    ...(head.takesTrailers && { te: 'trailers' }),
    ...(head.contentLength !== null && { 'content-length': head.contentLength }),
  }
}

function http2Answer(
  stream: ClientHttp2Stream,
  status: number,
  flags: number,
  raw: readonly string[],
  trailers: () => readonly string[],
): Answer {
  return {
    status,
    message: '',
    rawHeaders: withoutPseudo(raw),
    body: stream,
    whole: () => null,
    isEmpty: (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0,
    trailers,
    isWhole: () => stream.rstCode === constants.NGHTTP2_NO_ERROR,
    cancel() {
      if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL)
    },
  }
}

function withoutPseudo(raw: readonly string[]): string[] {
  const list: string[] = []
  for (let at = 0; at < raw.length; at += 2) if (!raw[at]!.startsWith(':')) list.push(raw[at]!, raw[at + 1]!)
  return list
}
