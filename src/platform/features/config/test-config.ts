/** For the tests of this folder: the feature over a real database, with apps that exist once something is set. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { call } from '@orpc/server'
import { sql } from 'kysely'
import { openTestDatabase } from '../../../../test/database.ts'
import type { RunSpec } from '../../../api/app-spec.ts'
import { TowError } from '../../../api/errors.ts'
import { systemClock } from '../../kernel/clock.ts'
import { configMigrations, createConfig } from './index.ts'

type Change = Parameters<Parameters<Awaited<ReturnType<typeof openTestDatabase>>['database']['change']>[1]>[0]

export async function openConfig() {
  const opened = await openTestDatabase(configMigrations)
  const home = await mkdtemp(join(tmpdir(), 'tow-config-'))
  const context = { actor: { name: 'ada' }, requestId: 'test', signal: new AbortController().signal }
  const changes: { description: string; keys: string[] }[] = []
  const apps = new Set<string>()
  let run: RunSpec | null = null
  const options = {
    database: opened.database,
    clock: systemClock,
    keysFolder: join(home, 'keys'),
    environments: {
      async get(_db: unknown, name: string) {
        if (!['stage', 'prod'].includes(name))
          throw new TowError('NOT_FOUND', `there is no environment "${name}"`)
      },
    },
    apps: {
      async get(_db: unknown, name: string) {
        if (!apps.has(name)) throw new TowError('NOT_FOUND', `there is no app "${name}"`)
      },
      async ensure(_change: Change, _actor: unknown, { name }: { name: string }) {
        apps.add(name)
      },
    },
    runSpecOf: async () => run,
    async onChanged(_change: Change, changed: { description: string; keys: string[] }) {
      changes.push({ description: changed.description, keys: changed.keys })
      return { release: changes.length, rollout: `o_${changes.length}` }
    },
  }
  const feature = createConfig(options)
  const routes = feature.routes.config
  const of = { app: 'web', environment: 'stage' }
  type Wanted = Record<string, string | { value: string; secret?: boolean }>
  return {
    ...opened,
    home,
    keysFolder: options.keysFolder,
    feature,
    /** As another platform on the same data would see it, with nothing in memory. */
    again: () => createConfig(options),
    of,
    changes,
    declare(spec: Partial<RunSpec>) {
      run = { processes: {}, crons: {}, variables: {}, needs: [], ...spec }
    },
    set(wanted: Wanted, where: Partial<typeof of> = {}) {
      const set = Object.fromEntries(
        Object.entries(wanted).map(([key, value]) => [key, typeof value === 'string' ? { value } : value]),
      )
      return call(routes.set, { ...of, ...where, set }, { context })
    },
    unset: (unset: string[], where: Partial<typeof of> = {}) =>
      call(routes.set, { ...of, ...where, unset }, { context }),
    async list(where: Partial<typeof of> = {}) {
      const entries = await call(routes.list, { ...of, ...where }, { context })
      return Object.fromEntries(
        entries.map(({ key, secret, value, source }) => [key, { secret, value, source }]),
      )
    },
    reveal: (key: string, actor: { name: string; once?: never } = context.actor) =>
      call(routes.reveal, { ...of, key }, { context: { ...context, actor } }),
    rotate: () => call(routes.rotateKey, undefined, { context }),
    snapshot: (
      variables: Record<string, Partial<RunSpec['variables'][string]>> = {},
      { injected = [], where = of }: { injected?: string[]; where?: typeof of } = {},
    ) =>
      opened.database.change({ name: 'ada' }, (change) =>
        feature.snapshot(
          change,
          where.app,
          where.environment,
          Object.fromEntries(
            Object.entries(variables).map(([key, spec]) => [
              key,
              { required: false, secret: false, generated: false, ...spec },
            ]),
          ),
          injected,
        ),
      ),
    /** As if nothing had ever been set. */
    async reset() {
      await sql`truncate config_versions, sealed, encryption_keys, events, idempotency`.execute(opened.db)
      await rm(options.keysFolder, { recursive: true, force: true })
      changes.length = 0
      apps.clear()
      run = null
    },
    async close() {
      await opened.close()
      await rm(home, { recursive: true, force: true })
    },
  }
}
