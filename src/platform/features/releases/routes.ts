import type { Artifact, Origin, RunSpec } from '../../../api/app-spec.ts'
import type { Release, ReleaseSummary } from '../../../api/releases.ts'
import type { Change, Database } from '../../kernel/database.ts'
import { operations } from '../../kernel/operations.ts'
import { differences, NOTHING, rollbackConfig, rollbackTarget, type Snapshot } from './rules.ts'
import {
  asSummary,
  findRelease,
  listCandidates,
  listReleases,
  type ReleaseWithState,
  requireRelease,
} from './store.ts'

/** What rolling back needs of features further on; handed in by the platform. */
export interface RollbackDependencies {
  /** The release that serves. */
  live(db: Change['db'], app: string, environment: string): Promise<number | null>
  /** Today's config as the old release's variables ask for it. */
  snapshot(
    change: Change,
    app: string,
    environment: string,
    variables: RunSpec['variables'],
    injected: readonly string[],
  ): Promise<Snapshot & { missing: string[] }>
  deliver(
    change: Change,
    delivery: {
      app: string
      environment: string
      content: Artifact
      run: RunSpec
      reason: 'rollback'
      description: string
      origin: Origin
      by: string
      from: { environment: string; number: number; id: string }
      config: Snapshot
    },
  ): Promise<{ release: ReleaseSummary; rollout: string }>
}

export function releaseRoutes(options: RollbackDependencies & { database: Database }) {
  const { database } = options
  return {
    releases: {
      list: operations.releases.list.handler(async ({ input: { app, environment, limit } }) =>
        (await listReleases(database.db, app, environment, limit)).map(asSummary),
      ),
      get: operations.releases.get.handler(async ({ input: { app, environment, number } }) =>
        asRelease(await requireRelease(database.db, app, environment, number)),
      ),
      diff: operations.releases.diff.handler(async ({ input: { app, environment, from, to } }) =>
        differences(
          await requireRelease(database.db, app, environment, from),
          await requireRelease(database.db, app, environment, to),
        ),
      ),
      rollback: operations.releases.rollback.handler(({ input, context }) =>
        database.change(context.actor, (change) => rollback(options, change, context.actor.name, input)),
      ),
    },
  }
}

interface RollbackInput {
  app: string
  environment: string
  to?: number | undefined
  withSecrets: boolean
  plan: boolean
}

async function rollback(
  dependencies: RollbackDependencies,
  change: Change,
  by: string,
  input: RollbackInput,
) {
  const { app, environment, withSecrets, plan } = input
  const live = await dependencies.live(change.db, app, environment)
  const candidates = await listCandidates(change.db, app, environment, input.to)
  const target = rollbackTarget({ app, environment }, candidates, live, input.to)
  const old = await requireRelease(change.db, app, environment, target.number)
  const today = await dependencies.snapshot(change, app, environment, old.run.variables, old.injected)
  const config = rollbackConfig(old, today, withSecrets)
  const serving = live === null ? null : await findRelease(change.db, app, environment, live)
  const differing = differences(serving ?? NOTHING, { ...old, ...config })
  const undo = live === null ? null : `tow rollback v${live} -a ${app} -e ${environment}`
  if (plan) return { to: old.number, release: null, rollout: null, differences: differing, undo }
  const { release, rollout } = await dependencies.deliver(change, {
    app,
    environment,
    content: old.content,
    run: old.run,
    reason: 'rollback',
    description: `Rollback to v${old.number}${withSecrets ? ' with its secrets' : ''}`,
    origin: old.origin,
    by,
    from: { environment, number: old.number, id: old.id },
    config,
  })
  return { to: old.number, release, rollout, differences: differing, undo }
}

function asRelease(row: ReleaseWithState): Release {
  const plain = Object.entries(row.plain).map(([key, value]) => [key, { value }] as const)
  const secrets = Object.entries(row.secrets).map(([key, version]) => [key, { secret: version }] as const)
  return {
    ...asSummary(row),
    run: row.run,
    config: Object.fromEntries([...plain, ...secrets]),
    injected: row.injected,
    content: row.content,
    rollout: row.rollout,
    from:
      row.from_environment !== null && row.from_number !== null && row.from_id !== null
        ? { environment: row.from_environment, number: row.from_number, id: row.from_id }
        : null,
  }
}
