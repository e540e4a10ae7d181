/** Serves the protocol on a unix socket that only its owner can open: JSON, streams of JSON lines, and raw streams. */
import { once } from 'node:events'
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ERROR_CODES, TowError } from '../api/errors.ts'
import { openForward } from './forward.ts'
import { answer, parse, parseTarget, readBody } from './routes.ts'
import type { Runner } from './runner.ts'
import { ForwardOrder, type Target } from './shapes.ts'
import { encodeFrame, FRAME } from './shim/frames.ts'

export interface ProtocolServer {
  close(): Promise<void>
}

export async function serveProtocol(
  runner: Runner,
  socketPath: string,
  shutDown: (apps: boolean) => void,
): Promise<ProtocolServer> {
  const streams = new Set<AbortController>()
  const server = createServer((request, response) => void handle(request, response))
  server.on('upgrade', (request, socket, head) => void upgrade(request, socket, head))
  server.on('clientError', (_error, socket) => socket.destroy())

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const left = new AbortController()
    streams.add(left)
    response.on('close', () => left.abort())
    try {
      const url = new URL(request.url ?? '/', 'http://runner')
      const call = {
        method: request.method ?? 'GET',
        url,
        body: () => readBody(request),
        signal: left.signal,
      }
      const result = await answer(runner, call, shutDown)
      if ('value' in result) send(response, 200, result.value)
      else {
        response.writeHead(200, { 'content-type': 'application/x-ndjson' })
        response.flushHeaders()
        for await (const item of result.stream) {
          if (!response.write(`${JSON.stringify(item)}\n`))
            await once(response, 'drain', { signal: left.signal })
        }
        response.end()
      }
    } catch (error) {
      if (response.headersSent) response.destroy()
      else sendError(response, error)
    } finally {
      streams.delete(left)
    }
  }

  /** `attach` to a job, or `forward` to a port; both answer 101 and then belong to the caller. */
  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    socket.on('error', () => socket.destroy())
    try {
      const url = new URL(request.url ?? '/', 'http://runner')
      const [, , , environment, app, what, id] = url.pathname.split('/').map(decodeURIComponent)
      const target = parseTarget(environment, app)
      if (what === 'jobs' && id) await attach(target, id, socket, head)
      else if (what === 'forward') await forward(target, url, socket, head)
      else throw new TowError('NOT_FOUND', `nothing to connect to at ${url.pathname}`)
    } catch (error) {
      const { status, body } = errorAnswer(error)
      socket.end(
        `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
      )
    }
  }

  async function attach(target: Target, key: string, socket: Duplex, head: Buffer): Promise<void> {
    const jobs = runner.find(target)?.jobs
    const record = jobs?.record(key)
    if (!jobs || !record) throw new TowError('NOT_FOUND', `no job was started under the key ${key}`)
    const shim = await open({ path: record.attachSocket }).catch(() => null)
    accept(socket)
    if (shim) {
      if (head.length > 0) shim.write(head)
      socket.pipe(shim)
      shim.pipe(socket, { end: false })
      shim.on('error', () => {})
      socket.on('close', () => shim.destroy())
      await once(shim, 'close').catch(() => {})
    }
    const status = await jobs.ended(key)
    socket.end(encodeFrame(FRAME.done, JSON.stringify(status)))
  }

  async function forward(target: Target, url: URL, socket: Duplex, head: Buffer): Promise<void> {
    const order = parse(ForwardOrder, Object.fromEntries(url.searchParams))
    const app = await openForward(runner.find(target)?.runtime.lives() ?? [], order)
    accept(socket)
    if (head.length > 0) app.write(head)
    socket.pipe(app)
    app.pipe(socket)
    app.on('error', () => socket.destroy())
    socket.on('close', () => app.destroy())
  }

  rmSync(socketPath, { force: true })
  server.listen(socketPath)
  await once(server, 'listening')
  chmodSync(socketPath, 0o600)

  return {
    async close() {
      for (const stream of streams) stream.abort()
      server.close()
      server.closeAllConnections()
      rmSync(socketPath, { force: true })
    },
  }
}

function accept(socket: Duplex): void {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: towpath\r\n\r\n')
}

async function open(to: { path: string }): Promise<Socket> {
  const socket = connect(to)
  await once(socket, 'connect')
  return socket
}

function send(response: ServerResponse, status: number, value: unknown): void {
  const body = JSON.stringify(value)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}

function sendError(response: ServerResponse, error: unknown): void {
  const { status, body } = errorAnswer(error)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  })
  response.end(body)
}

function errorAnswer(thrown: unknown): { status: number; body: string } {
  const full = (thrown as NodeJS.ErrnoException).code === 'ENOSPC'
  const error =
    thrown instanceof TowError
      ? thrown
      : full
        ? new TowError('DISK_FULL', 'the disk is full, so the runner could not keep what was asked', {
            hint: 'make room and try again',
          })
        : new TowError('INTERNAL', `the runner failed: ${(thrown as Error).message}`)
  const body = JSON.stringify({ code: error.code, message: error.message, hint: error.hint })
  return { status: ERROR_CODES[error.code].status, body }
}
