/** A stream through the platform: one WebSocket, which is given up where nothing is heard of it. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { json } from 'node:stream/consumers'
import { createWebSocketStream, WebSocket } from 'ws'
import { TowError } from '../api/errors.ts'
import type { Client } from '../client/client.ts'
import { ofBody } from '../client/failure.ts'

/** The platform pings every 20 s: a laptop that slept, or moved to another network, hears nothing any more. */
const SILENCE_MS = 45_000
/** Whoever has taken the port meanwhile may never answer. */
const HANDSHAKE_MS = 3000

/** Below `/api`. */
export type StreamPath = `/${string}`

/** `name`: what it leads to. Throws what the platform says against it; UNAVAILABLE where it can't be asked. */
export async function connectStream(client: Client, path: StreamPath, name: string): Promise<Duplex> {
  const { url, headers } = client.door.webSocket(path)
  const socket = new WebSocket(url, { headers, handshakeTimeout: HANDSHAKE_MS })
  const refused = new Promise<never>((_, reject) => {
    socket.once('unexpected-response', (_request, response: IncomingMessage) => {
      void told(response, name).then((error) => {
        reject(error)
        socket.terminate()
      })
    })
  })
  refused.catch(() => {})
  socket.on('error', () => {})
  let silence: NodeJS.Timeout | undefined
  const heard = () => {
    clearTimeout(silence)
    silence = setTimeout(() => socket.terminate(), SILENCE_MS).unref()
  }
  socket.on('ping', heard)
  socket.once('close', () => clearTimeout(silence))
  heard()
  try {
    await Promise.race([once(socket, 'open'), refused])
  } catch (error) {
    throw error instanceof TowError ? error : unreachable(name, error)
  }
  return createWebSocketStream(socket)
}

async function told(response: IncomingMessage, name: string): Promise<TowError> {
  const status = response.statusCode ?? 500
  const body = await json(response).catch(() => null)
  return ofBody(body, status) ?? unreachable(name, new Error(`it was answered with ${status}`))
}

function unreachable(name: string, cause: unknown): TowError {
  return new TowError(
    'UNAVAILABLE',
    `${name} can't be reached: ${(cause as Error).message || 'nothing answers'}`,
    { cause },
  )
}
