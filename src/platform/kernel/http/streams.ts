/** Doors that are streams of bytes: a WebSocket, joined to whatever they lead to. Nothing of what passes is read here. */
import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyContextConfig, FastifyInstance, FastifyRequest } from 'fastify'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { requireUpgrade, takeUpgrade } from './upgrade.ts'

const PING_MS = 20_000
const MOST_MESSAGE_BYTES = 100 * 1024 ** 2

export interface StreamDoor {
  url: string
  config: FastifyContextConfig
  open(request: FastifyRequest): Promise<Duplex>
}

export function mountStreams(server: FastifyInstance, doors: readonly StreamDoor[]): void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_MESSAGE_BYTES })
  server.addHook('onClose', async () => {
    for (const socket of sockets.clients) socket.terminate()
  })
  for (const { url, config, open } of doors) {
    server.route({
      ...{ method: 'GET', url, config },
      async handler(request, reply) {
        requireUpgrade(request)
        const stream = await open(request)
        const { socket, head } = takeUpgrade(request, reply)
        let isJoined = false
        sockets.handleUpgrade(request.raw, socket as Duplex, head, (joined) => {
          isJoined = true
          const pings = setInterval(() => joined.ping(), PING_MS)
          joined.on('close', () => clearInterval(pings))
          const theirs = createWebSocketStream(joined)
          // Either end may go at any moment; the other goes with it. One that was gone before takes nothing along by itself.
          void pipeline(theirs, stream, theirs)
            .catch(() => {})
            .finally(() => theirs.destroy())
        })
        // Whoever has left meanwhile, or asks for no WebSocket, is joined to nothing.
        if (!isJoined) stream.destroy()
      },
    })
  }
}
