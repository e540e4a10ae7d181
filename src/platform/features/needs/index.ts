/**
 * Needs: what is run for an app beside it, and the addresses of other apps. A PostgreSQL database and role of its own
 * per app and environment; `<OTHER_APP>_URL` from the engine. What is given is worked out when processes start, so it
 * is part of no release. It starts no server itself and keeps data until someone confirms by name that it may go.
 */
import type { FastifyInstance } from 'fastify'
import type { Engine } from '../../../engines/engine.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { mountStreams } from '../../kernel/http/streams.ts'
import { type Loop, startLoop } from '../../kernel/loop.ts'
import { type Config, keyOfNeed } from '../config/index.ts'
import { createDatabases } from './databases.ts'
import { databaseDoor } from './door.ts'
import { mountDumps } from './dump-door.ts'
import { dumpMigration } from './dump-store.ts'
import { createDumps, type Dumps } from './dumps.ts'
import { dumpsPart } from './dumps-backup.ts'
import type { Refusal } from './messages.ts'
import { needRoutes } from './routes.ts'
import { judgeNeeds } from './rules.ts'
import { createServers } from './servers.ts'
import { migrations as databaseMigrations, keepDatabases, listDatabases } from './store.ts'

export const needMigrations = [...databaseMigrations, dumpMigration]

/** A PostgreSQL that runs for apps; not the platform's own. */
export interface PostgresForApps {
  /** For someone who may make roles and databases. */
  adminUrl: string
  hostForApps: string
  portForApps: number
  /** Of the address, as every app needs them: `?sslmode=require`. */
  parameters?: string
  /** Others use it too: what is not of apps is left as it is. */
  isShared?: boolean
}

export interface NeedsOptions {
  database: Database
  clock: Clock
  config: Pick<Config, 'vault' | 'setByHand'>
  /** Names of all apps. */
  appNames: (db: Queries | Within) => Promise<string[]>
  /** Whether a release that serves, or is about to, needs postgres. */
  stillNeedsPostgres: (db: Queries | Within, app: string, environment: string) => Promise<boolean>
  engines: (environment: string) => Promise<Pick<Engine, 'addresses'>>
  /** Starts one where there is none yet; null where the environment has none. */
  postgresFor: (environment: string) => Promise<PostgresForApps | null>
  /** Of the dumps that databases of spaces are filled from. */
  dumpsFolder: string
  /** Where `pg_dump` and `pg_restore` are looked for. */
  toolPath: string
  onError: (error: unknown) => void
}

export interface Needs {
  /** PostgreSQL servers that were named for an environment. */
  servers: Pick<ReturnType<typeof createServers>, 'add' | 'check' | 'forget'>
  /** Why these needs can't be met, all at once. `together`: apps of the same delivery. */
  check(
    db: Queries | Within,
    app: string,
    environment: string,
    needs: readonly string[],
    together?: readonly string[],
  ): Promise<Refusal[]>
  /** Keys that the needs arrive under. */
  injectedNames(needs: readonly string[]): string[]
  /**
   * Makes what is missing and answers with the variables to inject, secrets included. Safe to repeat after any crash.
   * `own`: a database for the app's copy in this space, filled from a dump where one is named.
   */
  ensure(
    app: string,
    environment: string,
    needs: readonly string[],
    own?: { space: string; dump: string | null },
  ): Promise<Record<string, string>>
  /** The copy of an app in a space goes, and the database that it had for itself. */
  discard(of: { app: string; environment: string; space: string }): Promise<void>
  dumps: Pick<Dumps, 'find'>
  /** Environments in which an app has a database, also one that was kept. */
  placesOf(db: Queries | Within, app: string): Promise<string[]>
  /** The app or the environment goes, its data stays; answers with the names of the databases kept. */
  keep(change: Change, only: { app: string } | { environment: string }): Promise<string[]>
}

const RETRY_DROPPING = 30_000

export function createNeeds(options: NeedsOptions): Feature<ReturnType<typeof needRoutes>> & Needs {
  const { config, appNames, engines, database, onError } = options
  const servers = createServers(options)
  const databases = createDatabases({
    ...options,
    postgresFor: servers.of,
    fill: (dump, url) => dumps.fill(dump, url),
  })
  const dumps = createDumps({
    ...options,
    folder: options.dumpsFolder,
    urlOf: (of) => databases.url(of),
    isAwaited: async (change, name) =>
      (await listDatabases(change.db)).some((row) => row.dump === name && !row.filled),
  })
  let loop: Loop | null = null

  const needs: Needs = {
    servers,
    dumps,
    discard: databases.discard,
    async check(db, app, environment, wanted, together = []) {
      if (wanted.length === 0) return []
      const keys = wanted.map(keyOfNeed)
      return judgeNeeds({
        ...{ app, environment, needs: wanted },
        apps: new Set([...(await appNames(db)), ...together]),
        setByHand: new Set(await config.setByHand(db, { app, environment }, keys)),
        hasPostgres: wanted.includes('postgres') && (await servers.of(environment)) !== null,
      })
    },
    injectedNames: (wanted) => wanted.map(keyOfNeed),
    async ensure(app, environment, wanted, own) {
      const given: Record<string, string> = {}
      for (const need of wanted) {
        if (need === 'postgres') {
          const of = { app, environment, space: own?.space }
          given[keyOfNeed(need)] = await databases.ensure(of, own?.dump)
        } else {
          const engine = await engines(environment)
          given[keyOfNeed(need)] = (await engine.addresses({ app: need, environment })).internal
        }
      }
      return given
    },
    async placesOf(db, app) {
      return (await listDatabases(db)).filter((row) => row.app === app).map((row) => row.environment)
    },
    async keep(change, only) {
      const kept = await keepDatabases(change.db, only)
      for (const { app, environment, database: name } of kept) {
        const message = `Kept the database ${name} of ${app} in ${environment}`
        change.event({ kind: 'need.kept', app, environment, message, facts: { database: name } })
      }
      return kept.map((row) => row.database)
    },
  }

  return {
    name: 'needs',
    migrations: needMigrations,
    routes: needRoutes(options, databases, dumps),
    mount(server: FastifyInstance) {
      mountStreams(server, [databaseDoor(databases)])
      mountDumps(server, dumps)
    },
    backup: dumpsPart(options.dumpsFolder, () => dumps.list()),
    ...needs,
    async start() {
      dumps.start()
      loop = startLoop({
        interval: RETRY_DROPPING,
        onError,
        async pass() {
          for (const row of await listDatabases(database.db)) {
            if (row.state === 'dropping') await databases.finishDropping(row).catch(onError)
          }
        },
      })
    },
    async stop() {
      await dumps.stop()
      await loop?.stop()
    },
  }
}
