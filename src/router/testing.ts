/** Small real servers and clients for the router's tests and benchmarks. */
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type RequestOptions,
  type Server,
} from 'node:http'
import {
  createServer as createHttp2Server,
  type IncomingHttpHeaders as Http2Headers,
  type ServerHttp2Stream,
} from 'node:http2'
import { type AddressInfo, connect, createServer as createNetServer, type Socket } from 'node:net'
import { expect } from 'vitest'
import { sniff } from './sniff.ts'
import type { Service } from './table.ts'

export interface App {
  port: number
  server: Server
  close(): Promise<void>
}

/** A real HTTP server on loopback, on a free port unless told otherwise. */
export async function startApp(answer: RequestListener, port = 0): Promise<App> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  return {
    port: (server.address() as AddressInfo).port,
    server,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** A real HTTP/2 server without TLS, as gRPC servers are. With `http1` it speaks both on its port. */
export async function startGrpcApp(
  answer: (stream: ServerHttp2Stream, headers: Http2Headers) => void,
  http1?: Server,
): Promise<{ port: number; close(): Promise<void> }> {
  const http2 = createHttp2Server()
  http2.on('sessionError', () => {})
  http2.on('stream', answer)
  const sockets = new Set<Socket>()
  const server = createNetServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    if (http1) sniff(socket, 60_000, (isHttp2) => (isHttp2 ? http2 : http1).emit('connection', socket))
    else http2.emit('connection', socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** What becomes true soon, on a busy machine as well. */
export const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 10_000 })

/** A port of loopback on which nothing listens. */
export async function freePort(): Promise<number> {
  const app = await startApp(() => {})
  await app.close()
  return app.port
}

export const at = (port: number, id = `e${port}`) => ({ id, host: '127.0.0.1', port })

/** A service with one endpoint per set, all traffic to the first. */
export function serviceOf(ports: Record<string, number[]>, over: Partial<Service> = {}): Service {
  const sets = Object.fromEntries(
    Object.entries(ports).map(([set, list]) => [set, { endpoints: list.map((port) => at(port)) }]),
  )
  const first = Object.keys(ports)[0]
  return {
    app: 'missions',
    environment: 'stage',
    hosts: ['missions.stage.localhost'],
    sets,
    split: [{ weights: first ? { [first]: 1 } : {} }],
    ...over,
  }
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  rawHeaders: string[]
  trailers: NodeJS.Dict<string>
  body: string
}

/** One request by Node's own client, its answer read to the end. */
export function ask(
  port: number,
  options: RequestOptions & { body?: string | Buffer } = {},
): Promise<Answer> {
  const { body, ...rest } = options
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, agent: false, ...rest }, (answer) => {
      readAll(answer).then(
        (text) =>
          resolve({
            status: answer.statusCode!,
            headers: answer.headers,
            rawHeaders: answer.rawHeaders,
            trailers: answer.trailers,
            body: text,
          }),
        reject,
      )
    })
    request.on('error', reject)
    request.end(body)
  })
}

export async function readAll(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

export const keepAliveAgent = (maxSockets = 1) => new Agent({ keepAlive: true, maxSockets })

/** Sends bytes as they are and reads until the other side closes, or until `enough` says so. */
export function rawExchange(
  port: number,
  bytes: string,
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes, 'latin1'))
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk: string) => {
      text += chunk
      if (enough(text)) socket.destroy()
    })
    socket.on('close', () => resolve(text))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve(text) : reject(error),
    )
  })
}
