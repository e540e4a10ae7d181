/**
 * Rollouts: the move from one release to the next, and what every app should be when nothing moves. Rows say what is
 * wanted; workers look, decide purely and tell the engine, again and again, until it is so. This feature knows no
 * engine's inside, no builds and no config: those are handed in.
 */
import type { Engine } from '../../../engines/engine.ts'
import type { Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { type ReleaseWithState, wouldRepeat } from '../releases/index.ts'
import { createChanges, type ScaleRequest } from './changes.ts'
import { createDeliver, type Deliver, type DeliverDependencies, type Delivery, refusals } from './deliver.ts'
import { createDesiredMaker, type DesiredMaker } from './desired.ts'
import { createJournal } from './journal.ts'
import { maintain } from './maintain.ts'
import { notFound } from './messages.ts'
import { overview } from './overview.ts'
import { wantedCounts } from './plan.ts'
import { publish } from './publish.ts'
import { createReconcile } from './reconcile.ts'
import { rolloutRoutes } from './routes.ts'
import { isOver } from './state.ts'
import {
  asRollout,
  findRollout,
  findRollouts,
  findTarget,
  listRollouts,
  listTargets,
  migrations,
  openRollouts,
  owedTargets,
  type TargetRow,
} from './store.ts'
import { startWorkers } from './workers.ts'

export type { Deliver, DeliverDependencies, Delivered, Delivery, Refusal } from './deliver.ts'
export { refusedFor } from './deliver.ts'
export type { DesiredMaker } from './desired.ts'
export type { Place } from './journal.ts'
export { isWorthAnotherTry, type Looked } from './reconcile.ts'
export { setId } from './state.ts'
export { within } from './within.ts'
export { startWorkers } from './workers.ts'
export type { TargetRow }
export { migrations as rolloutMigrations }

export interface RolloutsOptions extends DeliverDependencies {
  database: Database
  engines: (environment: string) => Promise<Engine>
  /** Plain values and secrets in clear of exactly the versions that the release names. */
  config(release: ReleaseWithState): Promise<Record<string, string>>
  /** Makes what the release needs where it is missing, and answers with what is injected. Idempotent. */
  needs(release: ReleaseWithState): Promise<Record<string, string>>
  onError: (error: unknown) => void
}

export type Rollouts = ReturnType<typeof createRollouts>

export function createRollouts(options: RolloutsOptions) {
  const { database, clock, releases, engines, onError } = options
  const changes = createChanges({ clock, releases })
  const desired: DesiredMaker = createDesiredMaker({
    release: (app, environment, number) => releases.get(database.db, app, environment, number),
    config: options.config,
    needs: options.needs,
  })
  const journal = createJournal({ database, clock, releases })
  const reconcile = createReconcile({ journal, clock, engines, desired })
  const deliver: Deliver = createDeliver(options)
  let workers: ReturnType<typeof startWorkers> | null = null

  /** The target's row; an empty one where the app was never delivered there. */
  async function target(db: Queries | Within, app: string, environment: string): Promise<TargetRow | null> {
    return findTarget(db, app, environment)
  }

  /** The release that the app is meant to have: the newest on its way, else what serves. Null before the first. */
  async function intended(db: Queries | Within, app: string, environment: string): Promise<number | null> {
    const open = await openRollouts(db, app, environment)
    const newest = open.filter((row) => row.state.intent === null).at(-1)
    return newest?.state.release ?? (await findTarget(db, app, environment))?.live ?? null
  }

  const feature = {
    name: 'rollouts',
    migrations,
    routes: rolloutRoutes({ database, clock, changes }),
    async start() {
      workers = startWorkers({
        ...{ database, topic: 'targets', engines, reconcile, onError },
        owed: () => owedTargets(database.db),
        standing: async () =>
          (await listTargets(database.db)).map((row) => ({ ...row, runs: row.plan.sets.length > 0 })),
      })
    },
    async stop() {
      await workers?.stop()
      workers = null
    },
  } satisfies Feature

  return {
    ...feature,
    deliver,
    desired,
    target,
    /** Every reason why a delivery would be refused now. */
    async refusals(
      change: Parameters<Deliver>[0],
      delivery: Pick<Delivery, 'app' | 'environment' | 'run' | 'config'>,
      together: readonly string[],
    ) {
      return refusals(options, change, delivery, together)
    },
    targets: listTargets,
    overview: (db: Queries | Within, filter: Parameters<typeof overview>[2]) =>
      overview(db, releases, filter),
    /** The release that serves, or null. */
    async live(db: Queries | Within, app: string, environment: string): Promise<number | null> {
      return (await findTarget(db, app, environment))?.live ?? null
    },
    intended,
    /** The release that serves, where delivering this would make the very same again and nothing else is on its way. */
    async serving(change: Parameters<Deliver>[0], delivery: Delivery): Promise<number | null> {
      const { app, environment, content, run, counts } = delivery
      const target = await findTarget(change.db, app, environment)
      if (!target || target.live === null) return null
      if ((await openRollouts(change.db, app, environment)).length > 0) return null
      const live = await releases.find(change.db, app, environment, target.live)
      if (!live) return null
      const { config } = await refusals(options, change, delivery, [])
      const asks = wantedCounts(run, { declared: counts ?? target.declared, overrides: {} })
      const had = wantedCounts(run, { declared: target.declared, overrides: {} })
      const isSame = wouldRepeat(live, { ...config, artifact: content.digest, run })
      return isSame && Object.keys(asks).every((name) => asks[name] === had[name]) ? target.live : null
    },
    /** NOT_FOUND where there is none. */
    async get(db: Queries | Within, id: string) {
      const row = await findRollout(db, id)
      if (!row) throw notFound(id)
      return asRollout(row.state, clock.now().getTime())
    },
    /** Those that there are of these. */
    async find(db: Queries | Within, ids: readonly string[]) {
      const rows = await findRollouts(db, ids)
      return rows.map((row) => asRollout(row.state, clock.now().getTime()))
    },
    /** A change of config makes a release of what the app is meant to be; nulls before its first release. */
    async configChanged(
      change: Parameters<Deliver>[0],
      changed: { app: string; environment: string; description: string; by: string },
    ): Promise<{ release: number | null; rollout: string | null }> {
      const { app, environment } = changed
      const base = await intended(change.db, app, environment)
      const [newest] = await releases.list(change.db, app, environment, 1)
      const number = base ?? newest?.number
      if (number === undefined) return { release: null, rollout: null }
      const { content, run, origin } = await releases.get(change.db, app, environment, number)
      const rolled = await listRollouts(change.db, { app, environment, limit: 200 })
      const counts = rolled.find((row) => row.state.release === number)?.state.counts ?? undefined
      const delivered = await deliver(change, { ...changed, content, run, origin, counts, reason: 'config' })
      return { release: delivered.release.number, rollout: delivered.rollout }
    },
    /** Names of the apps that run, or are about to, in an environment. */
    async appsIn(db: Queries | Within, environment: string): Promise<string[]> {
      const rows = await listTargets(db, { environment })
      const open = await listRollouts(db, { environment, active: true, limit: 1000 })
      const there = rows.filter((row) => row.live !== null || row.plan.sets.length > 0 || row.removing)
      return [...new Set([...there, ...open.map((row) => row.state)].map((one) => one.app))].sort()
    },
    /** Names of the apps that were removed from an environment, and that its engine has not let go of yet. */
    async leaving(db: Queries | Within, environment: string): Promise<string[]> {
      return (await listTargets(db, { environment })).filter((row) => row.removing).map((row) => row.app)
    },
    /** Newest first. */
    async list(
      db: Queries | Within,
      filter: { app?: string; environment?: string; active?: boolean; limit: number },
    ) {
      return (await listRollouts(db, filter)).map((row) => asRollout(row.state, clock.now().getTime()))
    },
    /** Gives it up where it is not over yet. */
    async abortIfOpen(change: Parameters<Deliver>[0], id: string, by: string): Promise<void> {
      const row = await findRollout(change.db, id)
      if (row && !isOver(row.state.phase)) await changes.abort(change, id, by)
    },
    scale: (change: Parameters<Deliver>[0], request: ScaleRequest) => changes.scale(change, request),
    restart: changes.restart,
    reapply: changes.reapply,
    maintain,
    publish,
    abort: changes.abort,
    retry: changes.retry,
    remove: changes.remove,
    /** Compares everything with every engine now. */
    sweep: async () => workers?.sweep(),
  }
}
