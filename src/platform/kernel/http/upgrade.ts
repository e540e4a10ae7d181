/**
 * Upgrades (WebSockets) pass through the same routes and the same guard as every other request: a route with
 * `config: { permission }` calls `takeUpgrade` and gets the bare socket.
 */
import { type IncomingMessage, type Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { TowError } from '../../../api/errors.ts'

interface Upgrade {
  socket: Duplex
  head: Buffer
}

const asked = new WeakMap<IncomingMessage, Upgrade>()

/** `source` is where requests come in: the server's own listener, or one beside it. */
export function routeUpgrades(server: FastifyInstance, source: Server = server.server): void {
  source.on('upgrade', (request, socket, head) => {
    asked.set(request, { socket, head })
    // Where the guard refuses, its answer is written to the socket like any other, and the socket ends with it.
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket as never)
    response.on('finish', () => socket.end())
    socket.on('error', () => socket.destroy())
    server.routing(request, response)
  })
}

/** The socket of a request that asks for an upgrade, now the caller's to answer; a plain request is refused. */
export function takeUpgrade(request: FastifyRequest, reply: FastifyReply): Upgrade {
  const upgrade = requireUpgrade(request)
  reply.hijack()
  reply.raw.detachSocket(upgrade.socket as never)
  upgrade.socket.once('close', request.server.standing.add(upgrade.socket, request.admitAgain))
  return upgrade
}

/** For doors that open something first: nobody would ever end it for a request that is none for them. */
export function requireUpgrade(request: FastifyRequest): Upgrade {
  const upgrade = asked.get(request.raw)
  if (upgrade) return upgrade
  throw new TowError('BAD_INPUT', `${request.url.split('?')[0]} is a WebSocket: ask for an upgrade`)
}
