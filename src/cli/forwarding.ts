/**
 * A port of this machine that leads somewhere through the platform: one connection there for each one here. While what it
 * leads to starts anew, or the platform is away, a connection waits for it rather than fail.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { TowError } from '../api/errors.ts'
import type { Link } from './link.ts'
import { connectStream, type StreamPath } from './stream.ts'

export interface ForwardingOptions {
  link: Link
  path: StreamPath
  /** For sentences. */
  name: string
  /** Refused where it is taken. */
  local?: number | undefined
  /** Tried first where none is asked for. */
  preferred: number
  signal: AbortSignal
  say(sentence: string): void
}

/** How long a connection waits for what it leads to. */
const PATIENCE_MS = 30_000
const AGAIN_MS = [50, 100, 300, 1000]

/** Answers with the port, once it listens; until the signal. */
export async function startForwarding(options: ForwardingOptions): Promise<number> {
  const { link, path, name, signal, say } = options
  const sockets = new Set<Socket>()
  let saying = ''

  /** Each thing once, not for each of a browser's connections. */
  function tell(sentence: string): void {
    if (sentence !== saying) say(sentence)
    saying = sentence
  }

  async function lead(socket: Socket): Promise<void> {
    for (let tries = 0, until = performance.now() + PATIENCE_MS; !socket.destroyed; tries++) {
      try {
        const stream = await connectStream(link.client, path, name)
        if (saying !== '') tell(`${name} is reached again`)
        saying = ''
        await pipeline(socket, stream, socket).catch(() => {})
        stream.destroy()
        return
      } catch (error) {
        if (!(error instanceof TowError)) throw error
        const isAway = error.code === 'UNAVAILABLE'
        if (!isAway || performance.now() > until) {
          tell(error.hint ? `${error.message}\n  ${error.hint}` : error.message)
          return
        }
        if (tries === AGAIN_MS.length) tell(`${error.message}; it is tried again`)
        await delay(AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)], null, { signal }).catch(() => {})
        await link.renew()
      }
    }
  }

  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    void lead(socket).finally(() => socket.destroy())
  })
  signal.addEventListener('abort', () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return listen(server, options)
}

async function listen(server: Server, { local, preferred }: ForwardingOptions): Promise<number> {
  try {
    return await listenAt(server, local ?? preferred)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
    if (local === undefined) return listenAt(server, 0)
    throw new TowError('CONFLICT', `something on this machine listens on port ${local} already`, {
      hint: 'choose another one with --local, or leave it away',
      cause,
    })
  }
}

async function listenAt(server: Server, port: number): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
