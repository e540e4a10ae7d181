/** The door for a dump that somebody brings: its bytes as they come, onto the disk. */
import type { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import * as z from 'zod'
import { TowError } from '../../../api/errors.ts'
import { Name } from '../../../api/names.ts'
import { actorOf } from '../../kernel/http/guard.ts'
import type { Dumps } from './dumps.ts'
import { dumpOnTheWire } from './routes.ts'

const Asked = z.object({ app: Name, environment: Name, name: Name })

export function mountDumps(server: FastifyInstance, dumps: Pick<Dumps, 'bring'>): void {
  server.removeAllContentTypeParsers()
  server.addContentTypeParser(
    'application/octet-stream',
    { bodyLimit: Number.MAX_SAFE_INTEGER },
    (_request, payload, done) => done(null, payload),
  )
  server.route({
    method: 'POST',
    url: '/apps/:app/environments/:environment/dumps/:name',
    bodyLimit: Number.MAX_SAFE_INTEGER,
    config: { permission: 'app:change', objects: { app: 'app', environment: 'environment' } },
    async handler(request) {
      const asked = Asked.safeParse(request.params)
      if (!asked.success)
        throw new TowError('BAD_INPUT', asked.error.issues[0]?.message ?? 'the dump has no such name')
      const body = request.body as Readable | undefined
      if (!body) throw new TowError('BAD_INPUT', 'a dump is sent as application/octet-stream')
      return dumpOnTheWire(await dumps.bring(actorOf(request), asked.data, body))
    },
  })
}
