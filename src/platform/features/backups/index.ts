/**
 * Backups: `POST /api/backups` answers with all of the platform as one sealed stream, while it goes on working. What
 * there is to save is told by the features; this one knows their parts only as names and files.
 */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import * as z from 'zod'
import { LEAST_PASSPHRASE, MOST_PASSPHRASE } from '../../../api/backups.ts'
import { TowError } from '../../../api/errors.ts'
import { writeBackup } from '../../../backups/file.ts'
import type { BackupPart } from '../../kernel/backup.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Database } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { actorOf } from '../../kernel/http/guard.ts'
import { openParts } from './open.ts'

export interface BackupsOptions {
  database: Database
  clock: Clock
  version: string
  /** In the order in which they are opened. */
  parts: () => readonly BackupPart[]
  onError: (error: unknown) => void
}

const Body = z.strictObject({ passphrase: z.string().min(LEAST_PASSPHRASE).max(MOST_PASSPHRASE) })

export function createBackups(options: BackupsOptions) {
  return {
    name: 'backups',
    migrations: [],
    routes: {},
    mount: (server) => mountBackups(server, options),
  } satisfies Feature
}

function mountBackups(
  server: FastifyInstance,
  { database, clock, version, parts, onError }: BackupsOptions,
): void {
  server.route({
    method: 'POST',
    url: '/backups',
    config: { permission: 'platform:administer' },
    async handler(request, reply) {
      const body = Body.safeParse(request.body)
      if (!body.success) {
        throw new TowError('BAD_INPUT', `a passphrase has at least ${LEAST_PASSPHRASE} characters`)
      }
      const actor = actorOf(request)
      const opened = await openParts(parts())
      try {
        // Written down before the first byte leaves: it holds every secret.
        await database.change(actor, async (change) =>
          change.event({ kind: 'platform.backed-up', message: `${actor.name} took a backup of everything` }),
        )
      } catch (error) {
        await opened.close()
        throw error
      }
      const made = { madeBy: version, madeAt: clock.now().toISOString() }
      const stream = Readable.from(writeBackup(opened.parts(), body.data.passphrase, made), {
        objectMode: false,
      })
      stream.once('close', () => void opened.close().catch(onError))
      stream.once('error', (error) => {
        onError(error)
        const message = `The backup of ${actor.name} broke off: ${error instanceof TowError ? error.message : 'see the platform’s log'}`
        void database
          .change(actor, async (change) => change.event({ kind: 'platform.backup-failed', message }))
          .catch(onError)
      })
      return reply.type('application/octet-stream').send(stream)
    },
  })
}
