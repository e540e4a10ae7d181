/** Sockets that clients connect to. All HTTP is read by Node's own servers, in their strict mode. */
import { createServer, type Server } from 'node:http'
import { createServer as createHttp2Server, type Http2Server, type ServerHttp2Session } from 'node:http2'
import type { AddressInfo, Socket } from 'node:net'
import { http1Client } from './client.ts'
import { http2Client } from './client-http2.ts'
import { enterRequest, enterUpgrade, type Where } from './entry.ts'
import type { Context } from './exchange.ts'
import { sniff } from './sniff.ts'

export interface OpenListener {
  host: string
  port: number
  leave(isLeft: boolean): void
  close(options?: { graceMs?: number }): Promise<void>
}

const DEFAULT_GRACE_MS = 10_000
const WINDOW_BYTES = 256 * 1024

/** Opens a door. Rejects with Node's own error (EADDRINUSE, EACCES) when it cannot. */
export async function listen(
  context: Context,
  at: { host: string; port: number },
  towards: Omit<Where, 'port'>,
): Promise<OpenListener> {
  const where: Where = { ...towards, port: at.port }
  const sessions = new Set<ServerHttp2Session>()
  const sockets = new Set<Socket>()
  const server = http1Server(context, where)
  const http2 = http2Server(context, where, sessions)
  // One port for both: the first bytes of a connection tell which server reads it.
  const [toHttp1] = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  const unread = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    unread.add(socket)
    socket.on('close', () => {
      sockets.delete(socket)
      unread.delete(socket)
    })
    sniff(socket, context.limits.headMs, (isHttp2) => {
      unread.delete(socket)
      if (isHttp2) http2.emit('connection', socket)
      else toHttp1!.call(server, socket)
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: at.host, port: at.port, backlog: 4096 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  // Accepting can fail later (out of file handles); the next client is served once it works again.
  server.on('error', () => {})
  where.port = (server.address() as AddressInfo).port
  const parts = { server, sessions, sockets, unread }
  const leave = (isLeft: boolean) => {
    where.isLeft = isLeft
  }
  return {
    host: at.host,
    port: where.port,
    leave,
    close: (options) => closeListener(parts, options?.graceMs),
  }
}

function http1Server(context: Context, where: Where): Server {
  const { limits } = context
  const server = createServer({
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headMs,
    // A whole request may take as long as its body keeps coming; bodies that stall have a bound of their own.
    requestTimeout: 0,
    keepAliveTimeout: limits.clientIdleMs,
    connectionsCheckingInterval: Math.max(100, Math.min(5_000, limits.headMs / 2)),
    insecureHTTPParser: false,
    noDelay: true,
    // Nothing cuts a quiet stream, so the system has to find out whose peer is gone.
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  })
  // Node would silently drop headers beyond a number; their bytes are bounded.
  server.maxHeadersCount = 0
  server.maxConnections = limits.connections
  server.on('request', (request, response) => enterRequest(context, http1Client(request, response), where))
  server.on('checkContinue', (request, response) =>
    enterRequest(context, http1Client(request, response), where),
  )
  server.on('upgrade', (request, socket, rest) => enterUpgrade(context, request, socket, rest, where))
  server.on('connect', (_request, socket) => {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  return server
}

function http2Server(context: Context, where: Where, sessions: Set<ServerHttp2Session>): Http2Server {
  const { limits } = context
  const server = createHttp2Server({
    maxHeaderListPairs: 1_000,
    settings: {
      maxHeaderListSize: limits.headerBytes,
      maxConcurrentStreams: 250,
      initialWindowSize: WINDOW_BYTES,
    },
  })
  server.on('sessionError', () => {})
  server.on('session', (session) => {
    let streams = 0
    sessions.add(session)
    session.on('close', () => sessions.delete(session))
    session.on('stream', (stream, _headers, _flags, rawHeaders?: readonly string[]) => {
      streams++
      stream.on('close', () => streams--)
      enterRequest(context, http2Client(stream, rawHeaders ?? []), where)
    })
    session.setTimeout(limits.clientIdleMs, () => {
      if (streams === 0) session.close()
    })
  })
  return server
}

interface Parts {
  server: Server
  sessions: Set<ServerHttp2Session>
  sockets: Set<Socket>
  unread: Set<Socket>
}

async function closeListener(parts: Parts, graceMs = DEFAULT_GRACE_MS): Promise<void> {
  const over = new Promise<void>((resolve) => parts.server.close(() => resolve()))
  // Idle connections close with the server; the others once their request is over, or when time is up.
  for (const socket of parts.unread) socket.destroy()
  // GOAWAY: what is under way finishes, nothing new begins.
  for (const session of parts.sessions) session.close()
  const timer = setTimeout(() => {
    for (const socket of parts.sockets) socket.destroy()
  }, graceMs)
  await over
  clearTimeout(timer)
}
