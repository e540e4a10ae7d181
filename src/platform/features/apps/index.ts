/**
 * Apps: which there are, and how each fares where it runs. What it shows is put together from what other features
 * know and what the engines say at this moment; it keeps no picture of its own.
 */
import type { App } from '../../../api/apps.ts'
import { TowError } from '../../../api/errors.ts'
import { nearest } from '../../../api/nearest.ts'
import type { Engine } from '../../../engines/engine.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { operations } from '../../kernel/operations.ts'
import { lookAtEngines } from './look.ts'
import { appInEnvironment, type Wanted } from './rules.ts'
import { type AppRow, deleteApp, findApp, insertApp, listApps, migrations, updateOwner } from './store.ts'

export type { Seen, Wanted } from './rules.ts'
export { appInEnvironment } from './rules.ts'
export { migrations as appMigrations }

export interface AppsOptions {
  database: Database
  clock: Clock
  engines: (environment: string) => Promise<Engine>
  /** Environments in the order of the pipeline. */
  order: (db: Queries | Within) => Promise<string[]>
  /** What is wanted of apps; of all where none is named. */
  wanted: (
    db: Queries | Within,
    filter: { app?: string | undefined; environment?: string | undefined },
  ) => Promise<Wanted[]>
  /** Stops the app everywhere and forgets it; answers with where it ran and which databases are kept. */
  stop: (
    change: Change,
    app: string,
    by: string,
  ) => Promise<{ environments: string[]; keptDatabases: string[] }>
}

export type Apps = ReturnType<typeof createApps>

export function createApps(options: AppsOptions) {
  const { database, clock, engines, wanted, stop } = options

  async function requireApp(db: Queries | Within, name: string): Promise<AppRow> {
    const found = await findApp(db, name)
    if (found) return found
    const names = (await listApps(db)).map((row) => row.name)
    const close = nearest(name, names)
    const there = names.length === 0 ? 'nothing was shipped yet' : `there is ${names.slice(0, 20).join(', ')}`
    throw new TowError(
      'NOT_FOUND',
      `there is no app "${name}"; ${close ? `did you mean ${close}?` : there}`,
      {
        hint: names.length === 0 ? 'tow ship' : 'tow apps',
      },
    )
  }

  async function assemble(
    rows: readonly AppRow[],
    filter: { app?: string; environment?: string | undefined },
  ) {
    const order = await options.order(database.db)
    const all = (await wanted(database.db, filter)).sort(
      (one, other) => order.indexOf(one.environment) - order.indexOf(other.environment),
    )
    const look = await lookAtEngines(engines, all, filter.app !== undefined)
    const byApp = Map.groupBy(all, (one) => one.app)
    return rows.map(
      (row): App => ({
        name: row.name,
        owner: row.owner,
        createdAt: row.created_at.toISOString(),
        environments: (byApp.get(row.name) ?? []).map((one) =>
          appInEnvironment(one, look(one.app, one.environment)),
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
      remove: operations.apps.remove.handler(({ input: { app, confirm }, context: { actor } }) =>
        database.change(actor, async (change) => {
          await requireApp(change.db, app)
          if (confirm !== app) {
            throw new TowError('BAD_INPUT', `to remove ${app}, confirm with its name, not "${confirm}"`, {
              hint: `tow apps remove ${app} --confirm ${app}`,
            })
          }
          const stopped = await stop(change, app, actor.name)
          await deleteApp(change.db, app)
          change.event({
            kind: 'app.removed',
            app,
            message: `Removed ${app}${stopped.environments.length > 0 ? ` from ${stopped.environments.join(', ')}` : ''}`,
            facts: stopped,
          })
          return { app, ...stopped }
        }),
      ),
    },
  }

  return {
    ...({ name: 'apps', migrations, routes } satisfies Feature),
    /** Makes the app known; an owner that is named takes it over. */
    async ensure(change: Change, app: { name: string; owner: string | null }): Promise<void> {
      const known = await findApp(change.db, app.name)
      if (known) {
        if (app.owner !== null && app.owner !== known.owner) await updateOwner(change.db, app.name, app.owner)
        return
      }
      if (!(await insertApp(change.db, { ...app, created_at: clock.now() }))) return
      const message = `${app.name} is known from now on${app.owner ? `; it belongs to ${app.owner}` : ''}`
      change.event({ kind: 'app.created', app: app.name, message, facts: { owner: app.owner } })
    },
    /** NOT_FOUND with a suggestion where there is none of that name. */
    get: requireApp,
    list: listApps,
    async names(db: Queries | Within): Promise<string[]> {
      return (await listApps(db)).map((row) => row.name)
    },
  }
}
