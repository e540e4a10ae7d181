/**
 * The way to a running workspace: a WebSocket joined to the engine's stream. What is spoken over it is between the agent
 * there and whoever holds the files; nothing of it is read here.
 */

import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { createWebSocketStream, WebSocketServer } from 'ws'
import { TowError } from '../../../api/errors.ts'
import type { Engine } from '../../../engines/engine.ts'
import type { Queries } from '../../kernel/database.ts'
import { takeUpgrade } from '../../kernel/http/upgrade.ts'
import { setOf } from './rules.ts'
import type { SpaceAppRow } from './store.ts'

const PING_MS = 20_000
const MOST_MESSAGE_BYTES = 100 * 1024 ** 2

export interface WorkspaceDoor {
  db: Queries
  engines: (environment: string) => Promise<Engine>
  requireApp(db: Queries, space: string, app: string): Promise<SpaceAppRow>
  onError: (error: unknown) => void
}

export function mountWorkspaces(server: FastifyInstance, door: WorkspaceDoor): void {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: MOST_MESSAGE_BYTES })
  server.addHook('onClose', async () => {
    for (const socket of sockets.clients) socket.terminate()
  })
  server.route({
    method: 'GET',
    url: '/spaces/:space/apps/:app/workspace/stream',
    config: { permission: 'app:change', objects: { space: 'space', app: 'app' } },
    async handler(request: FastifyRequest, reply) {
      const { space, app } = request.params as { space: string; app: string }
      const stream = await open(door, space, app)
      const { socket, head } = joinedOr(() => takeUpgrade(request, reply), stream)
      sockets.handleUpgrade(request.raw, socket as Duplex, head, (joined) => {
        const pings = setInterval(() => joined.ping(), PING_MS)
        joined.on('close', () => clearInterval(pings))
        const theirs = createWebSocketStream(joined)
        // Either end may go at any moment; the other goes with it.
        void pipeline(theirs, stream, theirs).catch(() => {})
      })
    },
  })
}

/** Nobody would ever end the stream of a request that turns out to be none for it. */
function joinedOr<Value>(take: () => Value, stream: Duplex): Value {
  try {
    return take()
  } catch (error) {
    stream.destroy()
    throw error
  }
}

async function open(door: WorkspaceDoor, space: string, app: string): Promise<Duplex> {
  const row = await door.requireApp(door.db, space, app)
  if (row.live === null) {
    throw new TowError('REFUSED', `${app} in ${space} runs as it was built, and follows no files`, {
      hint: `tow dev ${app} --space ${space}`,
    })
  }
  const engine = await door.engines(row.environment)
  return engine.workspace({ app, environment: row.environment, space }, setOf(row))
}
