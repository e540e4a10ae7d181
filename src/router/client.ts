/** The client's side of a request: one shape for HTTP/1 and HTTP/2, so that nothing behind it has to ask which. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable, Writable } from 'node:stream'

export interface Beginning {
  /** The head is all there is, trailers included. */
  isEmpty?: boolean
}

export interface Client {
  rawHeaders: readonly string[]
  method: string
  url: string
  isHttp2: boolean
  remoteAddress: string
  /** What the client sends. */
  body: Readable
  /** Whether all of it arrived. */
  isBodyComplete(): boolean
  /** What came behind the body, flat, once it is complete. */
  trailers(): readonly string[]
  /** Nobody wants the rest of the body: it is read no longer than `withinMs`. */
  discardBody(withinMs: number): void
  isBegun(): boolean
  /** An interim answer: 100 Continue or 103 Early Hints. */
  inform(status: 100 | 103, link?: string | string[]): void
  /** The head of the answer; names and values in turn. Throws where a part of it is no HTTP. */
  begin(status: number, message: string, headers: string[], options?: Beginning): void
  /** The whole answer at once: the same as `begin`, a write of `body`, and `end`, but cheaper. */
  answer(status: number, message: string, headers: string[], body: Buffer | null): void
  /** Sends the head now, although there is no byte of the body yet. */
  flush(): void
  /** Where the answer's body goes. */
  out: Writable
  end(trailers?: [string, string][]): void
  /** Breaks the answer off, so that the client can tell. */
  cut(): void
  /** Called once; `isWhole` tells whether the answer was sent to its end. */
  onClose(closed: (isWhole: boolean) => void): void
}

// That the client left is told by `close`.
const ignore = () => {}

export function http1Client(request: IncomingMessage, response: ServerResponse): Client {
  response.on('error', ignore)
  return {
    rawHeaders: request.rawHeaders,
    method: request.method ?? '',
    url: request.url ?? '',
    isHttp2: false,
    remoteAddress: request.socket.remoteAddress ?? 'unknown',
    body: request,
    isBodyComplete: () => request.complete,
    trailers: () => request.rawTrailers,
    discardBody(withinMs) {
      const timer = setTimeout(() => request.socket.destroy(), withinMs)
      request.on('close', () => clearTimeout(timer))
      request.resume()
    },
    isBegun: () => response.headersSent,
    inform(status, link) {
      if (request.httpVersion === '1.0') return
      if (status === 100) response.writeContinue()
      else if (link !== undefined) response.writeEarlyHints({ link })
    },
    begin(status, message, headers) {
      response.writeHead(status, message, headers)
    },
    answer(status, message, headers, body) {
      response.writeHead(status, message, headers)
      // As a string it leaves in one piece with the head; as bytes the two would be gathered by the system.
      if (body === null) response.end()
      else response.end(body.toString('latin1'), 'latin1')
    },
    flush: () => response.flushHeaders(),
    out: response,
    end(trailers) {
      if (trailers?.length) response.addTrailers(trailers)
      response.end()
    },
    cut() {
      response.destroy()
    },
    onClose(closed) {
      response.on('close', () => closed(response.writableFinished))
    },
  }
}
