/**
 * One look at one target: gather everything, decide, write it down in one transaction, then tell the engine. Whoever
 * dies between two of these leaves rows from which the next look goes on: nothing is repeated that must not be, and
 * nothing is forgotten.
 */
import { TowError } from '../../../api/errors.ts'
import type { Engine, JobStatus, Observation } from '../../../engines/engine.ts'
import { type Clock, steadyNow } from '../../kernel/clock.ts'
import { decide, type Effect, owed } from './decide.ts'
import type { DesiredMaker } from './desired.ts'
import type { Journal, Place } from './journal.ts'
import { commandKey, type Facts, isActive, isOver, type ReleaseFacts, type Trouble } from './state.ts'
import { currentOf, type RolloutRow, type TargetRow } from './store.ts'
import { within } from './within.ts'

export interface ReconcileDependencies {
  journal: Journal
  clock: Clock
  engines: (environment: string) => Promise<Engine>
  desired: DesiredMaker
  /** What the simulator breaks on purpose, to see that it is noticed. */
  rules?: { decide: typeof decide; owed: typeof owed }
}

export interface Looked {
  /** Something changed: look again at once. */
  again: boolean
  /** Milliseconds until the next look where nothing wakes it; null: nothing is owed here. */
  after: number | null
  /** A rollout is under way: changes of the engine are worth following. */
  active: boolean
}

const OBSERVE_MS = 5_000
const APPLY_MS = 60_000
const REMOVE_MS = 300_000
const COMMAND_SECONDS = 3_600

export function createReconcile(dependencies: ReconcileDependencies) {
  const { journal, clock, engines, desired, rules = { decide, owed } } = dependencies
  /** Why the last effect failed, by place. Only a reason to wait or to give up, so it may be lost. */
  const troubles = new Map<string, { generation: number; trouble: Trouble }>()

  async function releaseFacts(place: Place, number: number | null): Promise<ReleaseFacts | null> {
    return number === null ? null : journal.release(place, number)
  }

  async function look(engine: Engine | null, place: Place, key: string | null, signal: AbortSignal) {
    if (!engine) return { observation: null, job: null, away: 'its engine is not there' }
    try {
      const observation = await within(
        engine.observe(place),
        OBSERVE_MS,
        signal,
        'the engine does not answer',
      )
      const job = key
        ? await within(engine.job(place, key), OBSERVE_MS, signal, 'the engine does not answer')
        : null
      return { observation, job, away: null }
    } catch (error) {
      if (signal.aborted) throw error
      return { observation: null, job: null, away: (error as Error).message }
    }
  }

  async function gather(
    place: Place,
    rows: { target: TargetRow; row: RolloutRow; open: readonly RolloutRow[] },
    seen: { observation: Observation | null; job: JobStatus | null; away: string | null },
  ): Promise<Facts> {
    const { target, row, open } = rows
    const rollout = row.state
    const previous = rollout.phase === 'queued' ? target.live : rollout.previous
    const known = troubles.get(nameOf(place))
    return {
      now: clock.now().getTime(),
      steady: steadyNow(clock),
      rollout,
      target,
      next: (await releaseFacts(place, rollout.release)) as ReleaseFacts,
      previous: await releaseFacts(place, previous === rollout.release ? null : previous),
      turn: !open.some((other) => other !== row && isActive(other.state.phase)),
      ...seen,
      trouble: known?.generation === target.generation ? known.trouble : null,
    }
  }

  async function carryOut(
    effect: Effect,
    engine: Engine,
    place: Place,
    { target, rollout }: Pick<Facts, 'rollout' | 'target'>,
    signal: AbortSignal,
  ): Promise<void> {
    if (effect === 'apply') return applyPlan(engine, place, target, signal)
    const key = commandKey(rollout)
    if (effect === 'cancel') {
      return within(engine.cancel(place, key), OBSERVE_MS, signal, 'the engine does not answer')
    }
    const { run } = await journal.release(place, rollout.release)
    await within(
      engine.run(place, {
        key,
        set: await desired.jobSet(place.app, place.environment, rollout.release),
        command: run.releaseCommand ?? 'true',
        process: 'release',
        timeoutSeconds: COMMAND_SECONDS,
      }),
      APPLY_MS,
      signal,
      'the engine does not answer',
    )
  }

  async function applyPlan(
    engine: Engine,
    place: Place,
    target: Pick<TargetRow, 'generation' | 'plan'>,
    signal: AbortSignal,
  ): Promise<void> {
    const whole = await desired.desired(place.app, place.environment, target.plan)
    await within(
      engine.apply(place, target.generation, whole),
      APPLY_MS,
      signal,
      'the engine does not answer',
    )
  }

  /** Runs effects; true where all were done. A failure is kept as a fact for the next look. */
  async function attempt(place: Place, generation: number, work: () => Promise<void>, signal: AbortSignal) {
    try {
      await work()
      troubles.delete(nameOf(place))
      return true
    } catch (error) {
      if (signal.aborted) throw error
      const trouble = troubleOf(error)
      if (trouble) troubles.set(nameOf(place), { generation, trouble })
      return trouble?.fatal === true
    }
  }

  async function rollOn(
    place: Place,
    engine: Engine | null,
    rows: { target: TargetRow; row: RolloutRow; open: readonly RolloutRow[] },
    signal: AbortSignal,
  ): Promise<Looked> {
    const { target, row } = rows
    const isCommand = row.state.phase === 'release-command'
    const seen = await look(engine, place, isCommand ? commandKey(row.state) : null, signal)
    if (await healed(target, seen.observation)) return { again: true, after: 0, active: true }
    const facts = await gather(place, rows, seen)
    const step = rules.decide(facts)
    if (step && !(await journal.commit({ row, target }, step))) return { again: true, after: 0, active: true }
    const now = { ...facts, rollout: step?.rollout ?? row.state, target: step?.target ?? target }
    if (isOver(now.rollout.phase)) {
      troubles.delete(nameOf(place))
      return { again: true, after: 0, active: false }
    }
    const isSameJob = commandKey(now.rollout) === commandKey(row.state)
    const effects = engine ? rules.owed({ ...now, job: isSameJob ? facts.job : null }) : []
    let isDone = effects.length > 0
    for (const effect of effects) {
      // A job that was asked for is found by its key; only the second look knows whether it runs.
      const work = () => carryOut(effect, engine as Engine, place, now, signal)
      isDone = (await attempt(place, now.target.generation, work, signal)) && isDone
    }
    const again = step !== null || (isDone && effects.includes('apply'))
    return { again, after: now.rollout.phase === 'release-command' ? 100 : 1000, active: true }
  }

  /** The rows came from a backup and the engine is further: its word on generations counts, ours on what should be. */
  async function healed(target: TargetRow, observation: Observation | null): Promise<boolean> {
    if (!observation || observation.generation <= target.generation) return false
    await journal.note(target, { generation: observation.generation + 1 })
    return true
  }

  /** No rollout moves it: the row is the truth, and an engine that has something older is told again. */
  async function keepSteady(
    place: Place,
    engine: Engine | null,
    target: TargetRow,
    signal: AbortSignal,
  ): Promise<Looked> {
    const idle = { again: false, after: null, active: false }
    const owing = { again: false, after: 2000, active: false }
    if (!engine) return owing
    const { generation } = target
    if (target.removing) {
      const remove = async () => {
        await within(engine.remove(place, generation), REMOVE_MS, signal, 'the engine does not answer')
      }
      if (!(await attempt(place, generation, remove, signal))) return owing
      await journal.note(target, { removing: false, seen: generation })
      return idle
    }
    const { observation } = await look(engine, place, null, signal)
    if (!observation) return target.seen < generation ? owing : idle
    if (await healed(target, observation)) return { ...owing, again: true }
    if (observation.generation < generation && (target.plan.sets.length > 0 || target.seen < generation)) {
      const isDone = await attempt(place, generation, () => applyPlan(engine, place, target, signal), signal)
      return { ...owing, again: isDone && !troubles.has(nameOf(place)) }
    }
    if (target.seen < generation) {
      await journal.note(target, { seen: generation })
    }
    return idle
  }

  /** One look. */
  return async function reconcile(place: Place, signal: AbortSignal): Promise<Looked> {
    const rows = await journal.read(place)
    if (!rows) return { again: false, after: null, active: false }
    const { target, open } = rows
    const row = currentOf(open)
    const engine = await engines(place.environment).catch(() => null)
    return row
      ? rollOn(place, engine, { target, row, open }, signal)
      : keepSteady(place, engine, target, signal)
  }
}

export function nameOf({ app, environment, space }: Place): string {
  return space === undefined ? `${app}/${environment}` : `${app}/${environment}/${space}`
}

const WORTH_ANOTHER_TRY = new Set(['UNAVAILABLE', 'INTERNAL', 'DISK_FULL', 'CANCELLED'])

/** Nothing was refused: the same may go well in a while. */
export function isWorthAnotherTry(error: unknown): boolean {
  return !(error instanceof TowError) || WORTH_ANOTHER_TRY.has(error.code)
}

/** Null for a generation that the engine has passed: the next look sees by how much. */
function troubleOf(error: unknown): Trouble | null {
  if (!(error instanceof TowError)) {
    return { code: 'effect-failed', message: (error as Error).message, fatal: false }
  }
  if (error.code === 'CONFLICT') return null
  return {
    code: 'effect-failed',
    message: error.message,
    ...(error.hint !== undefined && { hint: error.hint }),
    fatal: !isWorthAnotherTry(error),
  }
}
