/**
 * Environments: where apps run, in the order of the pipeline. Each names the kind of engine behind it; the engine
 * itself is found by whoever wires the platform. It does not know apps, releases or what a promotion is.
 */

import { isDeepStrictEqual } from 'node:util'
import { nearest } from '../../../api/nearest.ts'
import type { Check, Engine, Settings } from '../../../engines/engine.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import type { Asking } from './capacity.ts'
import { refusals, said } from './messages.ts'
import { environmentRoutes } from './routes.ts'
import {
  type EnvironmentRow,
  insertAt,
  listEnvironments,
  lockOrder,
  migrations,
  platformId,
  putSettings,
  removeAndCloseUp,
} from './store.ts'

export { migrations as environmentMigrations } from './store.ts'

export interface KnownEnvironment {
  name: string
  /** Kind of engine: `local`. */
  engine: string
  /** Place in the pipeline, from 0. */
  position: number
  createdAt: Date
  /** As the engine settled them. */
  settings: Settings
}

/** What is asked for with a new environment. */
export interface WantedEnvironment {
  name: string
  engine: string
  before?: string | undefined
  settings?: Settings
  postgres?: string | undefined
}

/** Registries, or folders in them. */
export interface Lending {
  lend: readonly string[]
  takeBack: readonly string[]
}

export interface EnvironmentsOptions {
  database: Database
  clock: Clock
  /** Kinds of engine that can be asked for. */
  engineKinds: readonly string[]
  /** The engine of an environment, by the environment's name. */
  engines: (environment: string) => Promise<Engine>
  /** Judges and completes what was given for an engine of this kind. */
  settle: (engine: string, given: Settings) => Promise<Settings>
  /** Settings with logins lent for more places or fewer; null where such an engine needs none. */
  lend: (engine: string, settings: Settings, change: Lending) => Promise<Settings | null>
  /** What the settings come down to, for people. */
  facts: (engine: string, settings: Settings) => Promise<{ name: string; value: string }[]>
  /** What the engine would say of itself with these settings; nothing for one that needs none. */
  probe: (engine: string, settings: Settings) => Promise<Check[]>
  /** The same of a PostgreSQL server. */
  probePostgres: (url: string) => Promise<Check[]>
  /** Told in the same transaction. */
  onAdded?: (
    change: Change,
    environment: string,
    wanted: Pick<WantedEnvironment, 'postgres'>,
  ) => Promise<void>
  /** Told once it is gone: its engine is let go of. */
  letGo?: (environment: string) => Promise<void>
  /** Names of the apps that run in an environment. */
  appsIn: (db: Queries | Within, environment: string) => Promise<string[]>
  /** What should run in an environment now, copies in spaces too. */
  asking: (db: Queries, environment: string) => Promise<Asking[]>
  /** Names of those among them that were removed, and that the engine has not let go of yet. */
  leaving: (db: Queries | Within, environment: string) => Promise<string[]>
  /** Told in the same transaction, so that nothing of it comes back with a new environment of that name. */
  onRemoved?: (change: Change, environment: string) => Promise<void>
}

export interface Environments {
  /** In the order of the pipeline. */
  list(db: Queries | Within): Promise<KnownEnvironment[]>
  /** NOT_FOUND with a suggestion where there is none of that name. */
  get(db: Queries | Within, name: string): Promise<KnownEnvironment>
  /** `settings` are settled ones. */
  add(change: Change, wanted: WantedEnvironment): Promise<KnownEnvironment>
  /** For which registries whoever ships may use the platform's logins. */
  lend(change: Change, name: string, lending: Lending): Promise<KnownEnvironment>
  /** Id of this platform; the same for ever. */
  platformId(): Promise<string>
  remove(change: Change, name: string): Promise<void>
}

export function createEnvironments(
  options: EnvironmentsOptions,
): Feature<ReturnType<typeof environmentRoutes>> & Environments {
  const { clock, engineKinds, appsIn, leaving } = options

  async function list(db: Queries | Within): Promise<KnownEnvironment[]> {
    return (await listEnvironments(db)).map(fromRow)
  }

  async function get(db: Queries | Within, name: string): Promise<KnownEnvironment> {
    const all = await list(db)
    return find(all, name)
  }

  const environments: Environments = {
    list,
    get,
    async add(change, { name, engine, before, settings = {}, postgres }) {
      if (!engineKinds.includes(engine)) throw refusals.unknownEngine(engine, engineKinds)
      await lockOrder(change.db)
      const all = await list(change.db)
      if (all.some((known) => known.name === name)) throw refusals.exists(name)
      const position = before === undefined ? all.length : find(all, before).position
      const row = { name, engine, position, created_at: clock.now(), settings }
      await insertAt(change.db, row)
      await options.onAdded?.(change, name, { postgres })
      const facts = await options.facts(engine, settings)
      change.event({
        kind: 'environment.added',
        environment: name,
        message: `Added the environment ${name} on the ${engine} engine${before ? `, before ${before}` : ''}`,
        facts: { engine, position, ...Object.fromEntries(facts.map((fact) => [fact.name, fact.value])) },
      })
      return fromRow(row)
    },
    async lend(change, name, { lend, takeBack }) {
      await lockOrder(change.db)
      const environment = await get(change.db, name)
      const settings = await options.lend(environment.engine, environment.settings, { lend, takeBack })
      if (settings === null) throw refusals.lendsNothing(name, environment.engine)
      if (isDeepStrictEqual(settings, environment.settings)) return environment
      await putSettings(change.db, name, settings)
      change.event({
        kind: 'environment.logins-lent',
        environment: name,
        message: said.lent(name, lend, takeBack),
        facts: { lend, takeBack },
      })
      return { ...environment, settings }
    },
    platformId: () => platformId(options.database.db),
    async remove(change, name) {
      await lockOrder(change.db)
      const all = await list(change.db)
      const { position } = find(all, name)
      if (all.length === 1) throw refusals.last(name)
      const apps = await appsIn(change.db, name)
      const going = await leaving(change.db, name)
      const staying = apps.filter((app) => !going.includes(app))
      if (staying.length > 0) throw refusals.inUse(name, staying)
      if (going.length > 0) throw refusals.stillLeaving(name, going)
      await removeAndCloseUp(change.db, name, position)
      await options.onRemoved?.(change, name)
      change.event({
        kind: 'environment.removed',
        environment: name,
        message: `Removed the environment ${name}`,
      })
    },
  }
  return {
    name: 'environments',
    migrations,
    routes: environmentRoutes(environments, options),
    ...environments,
  }
}

function find(all: KnownEnvironment[], name: string): KnownEnvironment {
  const found = all.find((environment) => environment.name === name)
  if (found) return found
  const names = all.map((environment) => environment.name)
  throw refusals.unknown(name, names, nearest(name, names))
}

function fromRow(row: EnvironmentRow): KnownEnvironment {
  const { name, engine, position, settings } = row
  return { name, engine, position, settings, createdAt: row.created_at }
}
