/**
 * Releases: what was frozen when, which of them served, what differs, and the way back. A release never changes once
 * it is written; whether it serves is kept beside it and told by the rollouts. It deliberately starts nothing.
 */
import type { Artifact, Origin, RunSpec } from '../../../api/app-spec.ts'
import type { ReleaseSummary } from '../../../api/releases.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { newId } from '../../kernel/ids.ts'
import { type RollbackDependencies, releaseRoutes } from './routes.ts'
import {
  artifactsInUse,
  asSummary,
  type Behind,
  type Delivered,
  deliveredSince,
  findRelease,
  forgetReleases,
  insertRelease,
  listReleases,
  liveReleases,
  liveRuns,
  migrations,
  newerReleases,
  type ReleaseState,
  type ReleaseWithState,
  requireRelease,
  type SummaryRow,
  takeNumber,
  updateState,
} from './store.ts'

export { differences, NOTHING, wouldRepeat } from './rules.ts'
export { asSummary } from './store.ts'
export type { Delivered, ReleaseState, ReleaseWithState, SummaryRow }
export { migrations as releaseMigrations }

export interface NewRelease {
  app: string
  environment: string
  reason: ReleaseSummary['reason']
  description: string
  content: Artifact
  origin: Origin
  by: string
  run: RunSpec
  plain: Record<string, string>
  /** Key to version. */
  secrets: Record<string, number>
  /** Names of what the platform gives at run time. */
  injected: string[]
  from?: { environment: string; number: number; id: string } | undefined
}

export interface Releases {
  create(change: Change, release: NewRelease): Promise<ReleaseSummary>
  /** Newest first. */
  list(db: Queries | Within, app: string, environment: string, limit: number): Promise<SummaryRow[]>
  find(
    db: Queries | Within,
    app: string,
    environment: string,
    number: number,
  ): Promise<ReleaseWithState | null>
  /** NOT_FOUND names the newest. */
  get(db: Queries | Within, app: string, environment: string, number: number): Promise<ReleaseWithState>
  /** Those that serve. */
  live(
    db: Queries | Within,
    filter: { app?: string | undefined; environment?: string | undefined },
  ): Promise<SummaryRow[]>
  /** What runs of those that serve in an environment. */
  liveRuns(db: Queries | Within, environment: string): Promise<Pick<ReleaseWithState, 'app' | 'run'>[]>
  /** How far another environment is ahead; what it means stands with the function. */
  newer(db: Queries | Within, places: readonly Behind[]): Promise<(number | null)[]>
  /** Every release of an environment since then, oldest first. */
  deliveredSince(db: Queries | Within, environment: string, since: Date): Promise<Delivered[]>
  /** Told by the rollouts. */
  setState(
    change: Change,
    release: { app: string; environment: string; number: number },
    next: { state?: ReleaseState; rollout?: string; liveAt?: Date },
  ): Promise<void>
  /** Digests of artifacts that must be kept: of releases under way, and of the last ten live ones everywhere. */
  artifactsInUse(db: Queries | Within): Promise<string[]>
  /** The app is removed: numbers go on, and what came before is not shown any more. */
  forget(change: Change, app: string): Promise<void>
}

const LIVE_RELEASES_KEPT = 10

export function createReleases(
  options: RollbackDependencies & { database: Database; clock: Clock },
): Feature<ReturnType<typeof releaseRoutes>> & Releases {
  const { clock } = options
  const releases: Releases = {
    async create(change, release) {
      const {
        app,
        environment,
        reason,
        description,
        content,
        origin,
        by,
        run,
        plain,
        secrets,
        injected,
        from,
      } = release
      const number = await takeNumber(change.db, app, environment)
      // Each by its name: what a caller has beside them is no part of a release.
      const row = {
        id: newId('r'),
        app,
        environment,
        number,
        reason,
        description,
        artifact: content.digest,
        content,
        origin,
        by,
        run,
        plain,
        secrets,
        injected,
        created_at: clock.now(),
        from_environment: from?.environment ?? null,
        from_number: from?.number ?? null,
        from_id: from?.id ?? null,
      }
      await insertRelease(change.db, row)
      change.event({
        kind: 'release.created',
        app,
        environment,
        release: number,
        message: `v${number} of ${app} in ${environment}: ${release.description}`,
        facts: { id: row.id, reason: row.reason, artifact: row.artifact, origin: row.origin },
      })
      return asSummary({ ...row, state: 'pending', live_at: null, rollout: null })
    },
    list: listReleases,
    find: findRelease,
    get: requireRelease,
    live: liveReleases,
    liveRuns,
    newer: newerReleases,
    deliveredSince,
    setState: (change, release, { state, rollout, liveAt }) =>
      updateState(change, release, {
        ...(state && { state }),
        ...(rollout && { rollout }),
        ...(liveAt && { live_at: liveAt }),
      }),
    artifactsInUse: (db) => artifactsInUse(db, LIVE_RELEASES_KEPT),
    forget: (change, app) => forgetReleases(change.db, app),
  }
  return { name: 'releases', migrations, routes: releaseRoutes(options), ...releases }
}
