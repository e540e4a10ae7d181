/** What people change about a target: counts, restarts, an end. Each is one open change; the workers do the rest. */
import type { Rollout } from '../../../api/rollouts.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change } from '../../kernel/database.ts'
import { newId } from '../../kernel/ids.ts'
import type { Releases } from '../releases/index.ts'
import { aborted, anotherTry, withCounts, withRestarts } from './asked.ts'
import { askAgain } from './command.ts'
import {
  alreadyOver,
  anotherIsUnderWay,
  newerIsLive,
  noSuchProcess,
  notFound,
  nothingLive,
  nothingToRetry,
} from './messages.ts'
import { wantedCounts } from './plan.ts'
import { EMPTY_PLAN, isOver, type ReleaseFacts, type RolloutState } from './state.ts'
import {
  asRollout,
  currentOf,
  findRollout,
  findTarget,
  insertRollout,
  listRollouts,
  listTargets,
  lockRollouts,
  lockTarget,
  type RolloutRow,
  type TargetRow,
  updateRollout,
  updateTarget,
} from './store.ts'

export interface ChangesDependencies {
  clock: Clock
  releases: Releases
}

export interface ScaleRequest {
  app: string
  environment: string
  /** Null goes back to what the source says. */
  counts: Record<string, number | null>
  reason?: string | undefined
  by: string
}

export function createChanges({ clock, releases }: ChangesDependencies) {
  /** The release that counts are checked against: what serves, else what is on its way. */
  async function present(
    change: Change,
    target: TargetRow,
    open: readonly RolloutRow[],
  ): Promise<ReleaseFacts> {
    const { app, environment } = target
    const number = target.live ?? open.at(-1)?.state.release
    if (number === undefined) throw nothingLive(app, environment)
    const { run } = await releases.get(change.db, app, environment, number)
    return { number, run }
  }

  async function locked(change: Change, app: string, environment: string) {
    const known = await findTarget(change.db, app, environment)
    if (!known) throw nothingLive(app, environment)
    const target = await lockTarget(change.db, app, environment)
    const open = await lockRollouts(change.db, app, environment)
    return { target, open, release: await present(change, target, open) }
  }

  return {
    /** Counts before and after, for the processes that were named. */
    async scale(change: Change, { app, environment, counts, reason, by }: ScaleRequest) {
      const { target, open, release } = await locked(change, app, environment)
      const known = Object.keys(release.run.processes)
      for (const name of Object.keys(counts)) {
        if (!known.includes(name)) throw noSuchProcess(app, name, known)
      }
      const overrides = { ...target.overrides }
      for (const [name, count] of Object.entries(counts)) {
        if (count === null) delete overrides[name]
        else overrides[name] = { count, by, at: clock.now().toISOString(), reason: reason ?? null }
      }
      const next = withCounts(target, overrides, release, currentOf(open)?.state ?? null)
      const before = wantedCounts(release.run, target)
      const after = wantedCounts(release.run, next)
      const { generation, plan } = next
      await updateTarget(change.db, target, { generation, plan, overrides })
      change.wake('targets')
      const told = Object.fromEntries(
        Object.keys(counts).map((name) => [name, { before: before[name] ?? 0, after: after[name] ?? 0 }]),
      )
      const words = Object.entries(told).map(([name, count]) => `${name} ${count.before} → ${count.after}`)
      change.event({
        kind: 'process.scaled',
        app,
        environment,
        message: `Scaled ${app} in ${environment}: ${words.join(', ')}${reason ? ` (${reason})` : ''}`,
        facts: { counts, reason: reason ?? null },
      })
      return told
    },

    /** Names of the processes that are replaced. */
    async restart(change: Change, app: string, environment: string, process: string | undefined) {
      const { target, release } = await locked(change, app, environment)
      const known = Object.keys(release.run.processes)
      if (process !== undefined && !known.includes(process)) throw noSuchProcess(app, process, known)
      const processes = process === undefined ? known : [process]
      const { generation, plan } = withRestarts(target, processes)
      await updateTarget(change.db, target, { generation, plan })
      change.wake('targets')
      change.event({
        kind: 'process.restarted',
        app,
        environment,
        message: `Restarted ${processes.join(', ')} of ${app} in ${environment}`,
        facts: { processes },
      })
      return processes
    },

    /** The engine is asked for the same again, so that it puts back what somebody else changed of it. */
    async reapply(change: Change, app: string, environment: string, changed: number): Promise<void> {
      const { target } = await locked(change, app, environment)
      await updateTarget(change.db, target, { generation: target.generation + 1 })
      change.wake('targets')
      const what = changed === 1 ? 'one thing' : `${changed} things`
      change.event({
        kind: 'process.mended',
        app,
        environment,
        message: `Put back ${what} of ${app} in ${environment} that somebody had changed past Towpath`,
        facts: { changed },
      })
    },

    async abort(change: Change, id: string, by: string): Promise<Rollout> {
      const row = await findRollout(change.db, id)
      if (!row) throw notFound(id)
      const { state } = row
      if (isOver(state.phase)) throw alreadyOver(state)
      await lockTarget(change.db, state.app, state.environment)
      const next = aborted(state, by)
      if (!(await updateRollout(change.db, row, next))) throw retryLater()
      change.event({
        kind: 'rollout.abort-requested',
        app: state.app,
        environment: state.environment,
        release: state.release,
        message: `${by} gave up v${state.release} of ${state.app} in ${state.environment}`,
        facts: { rollout: id },
      })
      change.wake('targets')
      change.wake('rollouts')
      return asRollout(next, clock.now().getTime())
    },

    async retry(change: Change, id: string, by: string): Promise<Rollout> {
      const row = await findRollout(change.db, id)
      if (!row) throw notFound(id)
      const { state } = row
      const target = await lockTarget(change.db, state.app, state.environment)
      const now = clock.now().getTime()
      const again = askAgain({ rollout: state, target, now })?.rollout
      const next = again ?? (await anew(change, target, state, by, now))
      if (again && !(await updateRollout(change.db, row, again))) throw retryLater()
      change.event({
        kind: 'rollout.retried',
        app: state.app,
        environment: state.environment,
        release: state.release,
        message: `${by} tries v${state.release} of ${state.app} in ${state.environment} again`,
        facts: { rollout: next.id, before: id },
      })
      change.wake('targets')
      change.wake('rollouts')
      return asRollout(next, now)
    },

    /** Stops the app everywhere; answers with the environments in which it was. */
    async remove(change: Change, app: string, by: string): Promise<string[]> {
      const environments: string[] = []
      for (const { environment } of await listTargets(change.db, { app })) {
        const target = await lockTarget(change.db, app, environment)
        for (const row of await lockRollouts(change.db, app, environment)) {
          const at = clock.now().getTime()
          const message = `${app} was removed by ${by}`
          await updateRollout(change.db, row, {
            ...row.state,
            phase: 'aborted',
            outcome: 'aborted',
            message,
            endedAt: at,
            history: [...row.state.history, { phase: 'aborted', at, message }],
          })
        }
        if (target.live !== null || target.plan.sets.length > 0) environments.push(environment)
        await updateTarget(change.db, target, {
          generation: target.generation + 1,
          plan: EMPTY_PLAN,
          live: null,
          declared: {},
          overrides: {},
          removing: true,
        })
      }
      await releases.forget(change, app)
      change.wake('targets')
      change.wake('rollouts')
      return environments
    },
  }

  /** A new rollout of the same release; its release command is not run again where it once succeeded. */
  async function anew(
    change: Change,
    target: TargetRow,
    state: RolloutState,
    by: string,
    now: number,
  ): Promise<RolloutState> {
    const { app, environment, release } = state
    if (!isOver(state.phase) || state.phase === 'live') throw nothingToRetry(state)
    const open = await lockRollouts(change.db, app, environment)
    const current = currentOf(open)
    if (current) throw anotherIsUnderWay(current.state)
    if (target.live !== null && target.live >= release) throw newerIsLive(release, target.live)
    await releases.get(change.db, app, environment, release)
    const earlier = await listRollouts(change.db, { app, environment, limit: 500 })
    const rows = earlier.map((row) => row.state)
    const next = anotherTry(state, rows, { id: newId('o'), by, now })
    await insertRollout(change.db, next)
    await releases.setState(
      change,
      { app, environment, number: release },
      { state: 'pending', rollout: next.id },
    )
    return next
  }
}

/** A worker wrote the row in between: the change as a whole is tried again. */
function retryLater(): Error {
  return Object.assign(new Error('the rollout moved on'), { code: '40001' })
}
