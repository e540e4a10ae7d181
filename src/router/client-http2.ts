/** The client's side of a request that came by HTTP/2. */
import { constants, type OutgoingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { Client } from './client.ts'

/** Flat lists as Node's HTTP/2 wants them: lower case, duplicates as lists, nothing of one connection only. */
export function http2Headers(list: readonly string[]): OutgoingHttpHeaders {
  const headers: Record<string, string | string[]> = {}
  for (let at = 0; at < list.length; at += 2) {
    const name = list[at]!.toLowerCase()
    const value = list[at + 1]!
    if (name === 'connection' || name === 'keep-alive' || name === 'transfer-encoding') continue
    const before = headers[name]
    if (before === undefined) headers[name] = value
    else if (Array.isArray(before)) before.push(value)
    else headers[name] = [before, value]
  }
  return headers
}

function pseudoHeader(raw: readonly string[], name: string): string {
  for (let at = 0; at < raw.length; at += 2) if (raw[at] === name) return raw[at + 1]!
  return ''
}

export function http2Client(stream: ServerHttp2Stream, rawHeaders: readonly string[]): Client {
  let received: readonly string[] = []
  let sent: [string, string][] = []
  stream.on('error', () => {})
  stream.on('trailers', (_headers: unknown, _flags: number, raw?: readonly string[]) => {
    received = raw ?? []
  })
  return {
    rawHeaders,
    method: pseudoHeader(rawHeaders, ':method'),
    url: pseudoHeader(rawHeaders, ':path'),
    isHttp2: true,
    remoteAddress: stream.session?.socket.remoteAddress ?? 'unknown',
    body: stream,
    isBodyComplete: () => stream.endAfterHeaders || (stream.readableEnded && !stream.aborted),
    trailers: () => received,
    // The answer is whole, and the client is told to stop sending (RFC 9113, 8.1).
    discardBody: () => stream.close(constants.NGHTTP2_NO_ERROR),
    isBegun: () => stream.headersSent,
    inform(status, link) {
      if (!stream.destroyed && !stream.headersSent) {
        stream.additionalHeaders({ ':status': status, ...(link !== undefined && { link }) })
      }
    },
    begin(status, _message, headers, { isEmpty = false } = {}) {
      if (stream.destroyed) return
      // Only what waits for trailers can be broken off: anything else Node would end as if it were whole.
      stream.on('wantTrailers', () => {
        if (!stream.closed) stream.sendTrailers(http2Headers(sent.flat()))
      })
      const options = { waitForTrailers: !isEmpty, endStream: isEmpty }
      stream.respond({ ...http2Headers(headers), ':status': status }, options)
    },
    answer(status, _message, headers, body) {
      if (stream.destroyed) return
      stream.respond({ ...http2Headers(headers), ':status': status }, { endStream: body === null })
      if (body === null) return
      stream.end(body)
    },
    // Node sends the head of an answer as soon as it has it.
    flush: () => {},
    out: stream,
    end(trailers = []) {
      sent = trailers
      stream.end()
    },
    cut: () => stream.close(constants.NGHTTP2_INTERNAL_ERROR),
    onClose(closed) {
      stream.on('close', () =>
        closed(stream.writableFinished && stream.rstCode === constants.NGHTTP2_NO_ERROR),
      )
    },
  }
}
