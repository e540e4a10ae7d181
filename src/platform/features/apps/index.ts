/**
 * Apps: which there are, and how each fares where it runs. What it shows is put together from what other features
 * know and what the engines say at this moment; it keeps no picture of its own.
 */
import type { App } from '../../../api/apps.ts'
import { nearest } from '../../../api/nearest.ts'
import type { Engine } from '../../../engines/engine.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { operations } from '../../kernel/operations.ts'
import { isAdministrator } from '../access/index.ts'
import { lookAtEngines } from './look.ts'
import { messages, refusals } from './messages.ts'
import { giveApp, type OwnersAccess } from './owners.ts'
import { appInEnvironment, type Lag, lagging, type Wanted } from './rules.ts'
import {
  type AppRow,
  deleteApp,
  findApp,
  findFormerOwner,
  insertApp,
  listApps,
  lockApp,
  migrations,
} from './store.ts'

export type { Seen, Wanted } from './rules.ts'
export { appInEnvironment } from './rules.ts'
export { migrations as appMigrations }

export interface AppsOptions {
  database: Database
  clock: Clock
  access: OwnersAccess
  engines: (environment: string) => Promise<Engine>
  /** Environments in the order of the pipeline. */
  order: (db: Queries | Within) => Promise<string[]>
  /** What is wanted of apps; of all where none is named. */
  wanted: (
    db: Queries | Within,
    filter: { app?: string | undefined; environment?: string | undefined },
  ) => Promise<Wanted[]>
  /** How many releases of other code went live where each lags behind; null where its own never was. In the same order. */
  newer: (db: Queries | Within, lags: readonly Lag[]) => Promise<(number | null)[]>
  /** Stops the app everywhere and forgets it; answers with where it ran and which databases are kept. */
  stop: (
    change: Change,
    app: string,
    by: string,
  ) => Promise<{ environments: string[]; keptDatabases: string[] }>
}

export type Apps = ReturnType<typeof createApps>

export function createApps(options: AppsOptions) {
  const { database, clock, access, engines, wanted, newer, stop } = options

  async function requireApp(db: Queries | Within, name: string): Promise<AppRow> {
    const found = await findApp(db, name)
    if (found) return found
    const names = (await listApps(db)).map((row) => row.name)
    throw refusals.unknown(name, names, nearest(name, names))
  }

  async function assemble(
    rows: readonly AppRow[],
    filter: { app?: string; environment?: string | undefined },
  ) {
    const order = await options.order(database.db)
    const all = (await wanted(database.db, filter)).sort(
      (one, other) => order.indexOf(one.environment) - order.indexOf(other.environment),
    )
    const lags = lagging(all)
    const [look, counts] = await Promise.all([
      lookAtEngines(engines, all, filter.app !== undefined),
      newer(database.db, lags),
    ])
    const behind = new Map(
      lags.map(({ app, environment, before }, index) => [
        `${app}/${environment}`,
        { environment: before.environment, releases: counts[index] ?? null },
      ]),
    )
    const byApp = Map.groupBy(all, (one) => one.app)
    return rows.map(
      (row): App => ({
        name: row.name,
        owner: row.owner,
        createdAt: row.created_at.toISOString(),
        environments: (byApp.get(row.name) ?? []).map((one) =>
          appInEnvironment(
            one,
            look(one.app, one.environment),
            behind.get(`${one.app}/${one.environment}`) ?? null,
          ),
        ),
      }),
    )
  }

  const routes = {
    apps: {
      list: operations.apps.list.handler(async ({ input: { environment } }) =>
        assemble(await listApps(database.db), { environment }),
      ),
      get: operations.apps.get.handler(async ({ input: { app } }) => {
        const row = await requireApp(database.db, app)
        const [found] = await assemble([row], { app })
        return found as App
      }),
      own: operations.apps.own.handler(({ input: { app, owner }, context: { actor } }) =>
        database.change(actor, async (change) => {
          const row = (await lockApp(change.db, app)) ?? (await requireApp(change.db, app))
          const before = row.owner
          if (before === owner) return { app, owner, before }
          const { principal } = actor
          if (owner !== null && principal && !principal.teams.includes(owner) && !isAdministrator(principal))
            throw refusals.notInTeam(app, owner, actor.name)
          await giveApp(change, { actor, access }, row, owner)
          change.event({
            kind: 'app.owner-changed',
            app,
            message: messages.given(app, before, owner),
            facts: { before, owner },
          })
          return { app, owner, before }
        }),
      ),
      remove: operations.apps.remove.handler(({ input: { app, confirm }, context: { actor } }) =>
        database.change(actor, async (change) => {
          const row = await requireApp(change.db, app)
          if (confirm !== app) throw refusals.notConfirmed(app, confirm)
          const stopped = await stop(change, app, actor.name)
          await deleteApp(change.db, row)
          const message = messages.removed(app, stopped.environments)
          change.event({ kind: 'app.removed', app, message, facts: stopped })
          return { app, ...stopped }
        }),
      ),
    },
  }

  async function ownerOf(db: Queries | Within, app: string): Promise<string | null> {
    const row = await findApp(db, app)
    return row ? row.owner : findFormerOwner(db, app)
  }

  return {
    ...({ name: 'apps', migrations, routes } satisfies Feature),
    /**
     * Makes the app known for whoever may change it, in the transaction in which they do: what was asked before it may
     * not hold any more. An owner that is named takes the app over, where whoever acts may give it away.
     */
    async ensure(
      change: Change,
      actor: Actor,
      { name, owner, environment }: { name: string; owner: string | null; environment: string },
    ): Promise<void> {
      const former = await findFormerOwner(change.db, name)
      const isNew = await insertApp(change.db, { name, owner: former, created_at: clock.now() })
      const row = (await lockApp(change.db, name)) ?? (await requireApp(change.db, name))
      access.require(actor, 'app:change', [{ app: name, owner: row.owner, environment }])
      const isGiven = owner !== null && owner !== row.owner
      if (isGiven) {
        await giveApp(change, { actor, access }, row, owner)
        access.require(actor, 'app:change', [{ app: name, owner, environment }])
      }
      const now = isGiven ? owner : row.owner
      if (isNew) {
        const message = messages.created(name, now)
        change.event({ kind: 'app.created', app: name, message, facts: { owner: now } })
      } else if (isGiven) {
        const message = messages.given(name, row.owner, owner)
        change.event({ kind: 'app.owner-changed', app: name, message, facts: { before: row.owner, owner } })
      }
    },
    /** Also of an app that is gone; null where it belongs to nobody. */
    ownerOf,
    /** Names of the apps that belong to a team. */
    async ownedBy(db: Queries | Within, team: string): Promise<string[]> {
      return (await listApps(db)).filter(({ owner }) => owner === team).map(({ name }) => name)
    },
    /** NOT_FOUND with a suggestion where there is none of that name. */
    get: requireApp,
    list: listApps,
    async names(db: Queries | Within): Promise<string[]> {
      return (await listApps(db)).map((row) => row.name)
    },
  }
}
