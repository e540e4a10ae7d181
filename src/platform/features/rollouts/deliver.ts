/**
 * The one door through which releases are made: ships, config changes, rollbacks and promotions. What is missing is
 * refused here, all of it at once, before anything is written; then release, counts and rollout are one change.
 */
import type { Artifact, Origin, RunSpec } from '../../../api/app-spec.ts'
import { TowError } from '../../../api/errors.ts'
import type { ReleaseSummary } from '../../../api/releases.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change } from '../../kernel/database.ts'
import { newId } from '../../kernel/ids.ts'
import type { Releases } from '../releases/index.ts'
import { superseded } from './asked.ts'
import { newRollout } from './new-rollout.ts'
import type { RolloutState } from './state.ts'
import {
  insertRollout,
  lockRollouts,
  lockTarget,
  type RolloutRow,
  updateRollout,
  updateTarget,
} from './store.ts'

export interface ConfigSnapshot {
  plain: Record<string, string>
  /** Key to version. */
  secrets: Record<string, number>
}

export interface Refusal {
  message: string
  hint?: string | undefined
}

export interface Delivery {
  app: string
  environment: string
  content: Artifact
  run: RunSpec
  /** Counts that the source asks for; without them those of the last delivery stay. */
  counts?: Record<string, number> | undefined
  reason: ReleaseSummary['reason']
  description: string
  origin: Origin
  by: string
  from?: { environment: string; number: number; id: string } | undefined
  /** Default: supersede. */
  whenBusy?: 'supersede' | 'queue' | undefined
  /** Config to take instead of today's: a rollback's. */
  config?: ConfigSnapshot | undefined
}

export interface Delivered {
  release: ReleaseSummary
  rollout: string
}

export interface DeliverDependencies {
  clock: Clock
  releases: Releases
  /** NOT_FOUND for an environment that there is not. */
  requireEnvironment(db: Change['db'], name: string): Promise<unknown>
  /** Today's config of the app, generated values and defaults in it, and which required keys nobody has set. */
  snapshot(
    change: Change,
    app: string,
    environment: string,
    variables: RunSpec['variables'],
    /** Keys that needs give at run time: neither missing nor frozen. */
    injected: readonly string[],
  ): Promise<ConfigSnapshot & { missing: string[] }>
  /** Needs that can't be met, each with its reason. `together`: apps of the same delivery. */
  refusedNeeds(
    db: Change['db'],
    app: string,
    environment: string,
    needs: readonly string[],
    together: readonly string[],
  ): Promise<Refusal[]>
  /** Names that needs inject, e.g. `DATABASE_URL`. */
  injectedNames(needs: readonly string[]): string[]
}

export type Deliver = (change: Change, delivery: Delivery, together?: readonly string[]) => Promise<Delivered>

/** Every reason why the app can't be delivered there now; empty where it can. */
export async function refusals(
  dependencies: DeliverDependencies,
  change: Change,
  delivery: Pick<Delivery, 'app' | 'environment' | 'run' | 'config'>,
  together: readonly string[],
): Promise<{ refusals: Refusal[]; config: ConfigSnapshot }> {
  const { app, environment, run } = delivery
  const injected = dependencies.injectedNames(run.needs)
  const { missing, ...today } = await dependencies.snapshot(change, app, environment, run.variables, injected)
  const config = delivery.config ?? today
  const absent = delivery.config
    ? requiredOf(run).filter((key) => !hasKey(config, key) && !injected.includes(key))
    : missing
  const needs = await dependencies.refusedNeeds(change.db, app, environment, run.needs, together)
  return { refusals: [...missingConfig(app, environment, run, absent), ...needs], config }
}

function requiredOf(run: RunSpec): string[] {
  return Object.keys(run.variables).filter((key) => run.variables[key]?.required)
}

function hasKey({ plain, secrets }: ConfigSnapshot, key: string): boolean {
  return key in plain || key in secrets
}

function missingConfig(app: string, environment: string, run: RunSpec, keys: readonly string[]): Refusal[] {
  return keys.map((key) => {
    const { secret, description } = run.variables[key] ?? {}
    return {
      message: `${app} requires ${key} in ${environment}${description ? ` (${description})` : ''}, and it is not set`,
      hint: `tow config set ${key}=...${secret ? ' --secret' : ''} -a ${app} -e ${environment}`,
    }
  })
}

/** All reasons in one error: nobody should mend one only to meet the next. */
export function refusedFor(reasons: readonly Refusal[]): TowError {
  const hints = [...new Set(reasons.flatMap((reason) => reason.hint ?? []))]
  return new TowError('REFUSED', reasons.map((reason) => reason.message).join('; '), {
    hint: hints.length > 0 ? hints.join('\n') : undefined,
  })
}

export function createDeliver(dependencies: DeliverDependencies): Deliver {
  const { clock, releases } = dependencies
  return async (change, delivery, together = []) => {
    const { app, environment, run, counts, whenBusy = 'supersede' } = delivery
    await dependencies.requireEnvironment(change.db, environment)
    const target = await lockTarget(change.db, app, environment)
    const { refusals: reasons, config } = await refusals(dependencies, change, delivery, together)
    if (reasons.length > 0) throw refusedFor(reasons)
    const { counts: _counts, whenBusy: _whenBusy, config: _config, ...content } = delivery
    const release = await releases.create(change, {
      ...content,
      ...config,
      injected: dependencies.injectedNames(run.needs),
    })
    if (target.removing) await updateTarget(change.db, target, { removing: false })
    const now = clock.now().getTime()
    const open = await lockRollouts(change.db, app, environment)
    if (whenBusy === 'supersede') {
      for (const next of superseded(
        open.map((row) => row.state),
        release.number,
      )) {
        await updateRollout(change.db, open.find((row) => row.state.id === next.id) as RolloutRow, next)
      }
    }
    const rollout = newRollout({
      id: newId('o'),
      app,
      environment,
      release: release.number,
      by: delivery.by,
      now,
      ahead: open.at(-1)?.state.release ?? null,
      counts: counts ?? null,
    })
    await insertRollout(change.db, rollout)
    await releases.setState(change, release, { rollout: rollout.id })
    change.wake('targets')
    change.wake('rollouts')
    return { release, rollout: rollout.id }
  }
}

/** What is told about a release when its rollout changes phase. */
export function releaseStateOf(phase: RolloutState['phase']) {
  if (phase === 'queued') return 'pending' as const
  if (phase === 'live' || phase === 'failed' || phase === 'aborted' || phase === 'superseded') return phase
  return 'rolling-out' as const
}
