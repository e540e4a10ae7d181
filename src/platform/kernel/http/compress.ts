/**
 * Large answers travel compressed. Only what is read: an answer to a change may hold a secret, and the length of
 * something compressed tells of what is in it.
 */
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import type { FastifyInstance } from 'fastify'

/** Below, the head of an answer and a packet of the network weigh more than what is saved. */
const LEAST_LENGTH = 8 * 1024
/** Four fifths are gone at the fastest level; the next ones take longer than they save. */
const level = constants.Z_BEST_SPEED

const compressed = promisify(gzip)

export function compressAnswers(server: FastifyInstance): void {
  server.addHook('onSend', async (request, reply, payload) => {
    if (request.method !== 'GET' || typeof payload !== 'string' || payload.length < LEAST_LENGTH)
      return payload
    if (reply.hasHeader('content-encoding')) return payload
    reply.header('vary', 'accept-encoding')
    if (!/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) return payload
    const small = await compressed(payload, { level })
    reply.removeHeader('content-length')
    reply.header('content-encoding', 'gzip')
    return small
  })
}
