/**
 * One look at one app of a space: gather, decide, write it down in one transaction, then tell the engine. Whoever dies
 * between two of these leaves rows from which the next look goes on.
 */
import type { TowError } from '../../../api/errors.ts'
import type { Engine, JobStatus, Observation } from '../../../engines/engine.ts'
import { PLATFORM } from '../../kernel/actor.ts'
import { isWorthAnotherTry, type Looked, type Place, within } from '../rollouts/index.ts'
import type { Changes } from './changes.ts'
import { decide } from './decide.ts'
import type { DesiredMaker } from './desired.ts'
import type { SpacesOptions } from './index.ts'
import { expiryByUse, setOf, targetOf } from './rules.ts'
import {
  deleteApp,
  findApp,
  findSpace,
  listApps,
  lockSpace,
  type SpaceAppRow,
  type SpaceRow,
  updateApp,
  updateSpace,
} from './store.ts'

const OBSERVE_MS = 5_000
const APPLY_MS = 60_000
const REMOVE_MS = 300_000
const COMMAND_SECONDS = 3_600
/** A database may have to be filled first. */
const FILL_MS = 2 * 3_600_000
const AWAY = 'the engine does not answer'
const IDLE: Looked = { again: false, after: null, active: false }

export interface ReconcileDependencies
  extends Pick<SpacesOptions, 'database' | 'clock' | 'engines' | 'dropDatabase'> {
  changes: Changes
  desired: DesiredMaker
}

type Refused = { generation: number; message: string; hint?: string | undefined }

export function createReconcile({
  database,
  clock,
  engines,
  changes,
  desired,
  dropDatabase,
}: ReconcileDependencies) {
  /** Why the engine refused a generation. Only told, so it may be lost: the next try is refused again. */
  const refusals = new Map<string, Refused>()
  const now = () => clock.now().getTime()

  async function write(row: SpaceAppRow, set: Partial<SpaceAppRow>): Promise<boolean> {
    return database.change(PLATFORM, (change) => updateApp(change.db, row, set))
  }

  /** The rows came from a backup, or the name was there before: the engine's word on generations counts. */
  async function healed(row: SpaceAppRow, seen: number): Promise<boolean> {
    if (seen <= row.generation) return false
    await write(row, { generation: seen + 1 })
    return true
  }

  /** Nothing of it is left, and in the end no row either. */
  async function remove(
    engine: Engine | null,
    space: SpaceRow,
    row: SpaceAppRow,
    signal: AbortSignal,
  ): Promise<Looked> {
    const target = targetOf(space, row)
    const owing: Looked = { again: false, after: 2000, active: false }
    if (!engine) return owing
    try {
      await within(engine.remove(target, row.generation), REMOVE_MS, signal, AWAY)
    } catch (error) {
      if (signal.aborted) throw error
      const seen = await within(engine.observe(target), OBSERVE_MS, signal, AWAY).catch(() => null)
      return { ...owing, again: seen !== null && (await healed(row, seen.generation)) }
    }
    refusals.delete(keyOf(row))
    // Nothing of it runs any more, so nobody is in its database.
    if (row.own_database) {
      const isGone = await dropDatabase(target).then(
        () => true,
        () => false,
      )
      if (!isGone) return owing
    }
    await database.change(PLATFORM, async (change) => {
      const locked = await lockSpace(change.db, row.space)
      if (!(await deleteApp(change.db, row)) || !locked?.removing) return
      if ((await listApps(change.db, { space: row.space })).length === 0) await changes.finish(change, locked)
    })
    return IDLE
  }

  /** The release command is run once; it is found again by its key. */
  async function command(
    engine: Engine,
    space: SpaceRow,
    row: SpaceAppRow,
    signal: AbortSignal,
  ): Promise<JobStatus> {
    const key = `${setOf(row)}.release`
    const known = await within(engine.job(targetOf(space, row), key), OBSERVE_MS, signal, AWAY)
    if (known) return known
    const job = {
      key,
      set: await within(desired.jobSet(space, row), FILL_MS, signal, AWAY),
      command: row.run.releaseCommand ?? 'true',
      process: 'release',
      timeoutSeconds: COMMAND_SECONDS,
    }
    return within(engine.run(targetOf(space, row), job), APPLY_MS, signal, AWAY)
  }

  async function apply(
    engine: Engine,
    space: SpaceRow,
    row: SpaceAppRow,
    signal: AbortSignal,
  ): Promise<boolean> {
    try {
      const whole = await within(desired.desired(space, row), FILL_MS, signal, AWAY)
      await within(engine.apply(targetOf(space, row), row.generation, whole), APPLY_MS, signal, AWAY)
      refusals.delete(keyOf(row))
      return true
    } catch (error) {
      if (signal.aborted) throw error
      refuse(row, error)
      return false
    }
  }

  /** Another generation is there: the next look sees by how much. */
  function refuse(row: SpaceAppRow, error: unknown): void {
    if (isWorthAnotherTry(error) || (error as TowError).code === 'CONFLICT') return
    const { message, hint } = error as TowError
    refusals.set(keyOf(row), { generation: row.generation, message, hint })
  }

  /** What was decided, if nobody changed the row meanwhile. */
  async function commit(
    row: SpaceAppRow,
    observation: Observation | null,
    job: JobStatus | null,
  ): Promise<SpaceAppRow | null> {
    const refused = refusals.get(keyOf(row))
    const step = decide({
      ...{ now: now(), row, observation, job },
      refused: refused?.generation === row.generation ? refused : null,
    })
    if (!step) return row
    const isWritten = await database.change(PLATFORM, async (change) => {
      const space = step.set.asked_at ? await lockSpace(change.db, row.space) : null
      if (!(await updateApp(change.db, row, step.set))) return false
      const expires = space && expiryByUse(now(), space)
      if (expires) await updateSpace(change.db, row.space, { expires_at: expires })
      for (const event of step.events) {
        change.event({
          ...event,
          app: row.app,
          environment: row.environment,
          facts: { space: row.space, set: setOf(row) },
        })
      }
      if (step.set.report) change.wake('spaces-told')
      return true
    })
    return isWritten ? { ...row, ...step.set, version: row.version + 1 } : null
  }

  return async function reconcile(place: Place, signal: AbortSignal): Promise<Looked> {
    const space = await findSpace(database.db, place.space ?? '')
    const row = space && (await findApp(database.db, space.name, place.app))
    if (!space || !row) return IDLE
    const engine = await engines(row.environment).catch(() => null)
    if (row.wanted === 'removing') return remove(engine, space, row, signal)

    const observation = engine
      ? await within(engine.observe(targetOf(space, row)), OBSERVE_MS, signal, AWAY).catch(() => null)
      : null
    if (signal.aborted) return IDLE
    if (observation && (await healed(row, observation.generation)))
      return { again: true, after: 0, active: true }
    const job =
      engine && row.command === 'owed' && row.wanted === 'running'
        ? await command(engine, space, row, signal).catch((error) => {
            if (signal.aborted) throw error
            refuse(row, error)
            return null
          })
        : null
    const next = await commit(row, observation, job)
    if (!next) return { again: true, after: 0, active: true }
    const isStopped = next.wanted === 'stopped'
    const settled = isStopped || next.report.phase !== 'starting'
    const waits = !isStopped && (next.command === 'owed' || next.command === 'failed')
    if (engine && observation && !waits && observation.generation < next.generation) {
      const isDone = await apply(engine, space, next, signal)
      return { again: isDone, after: refusals.has(keyOf(next)) ? 5000 : 1000, active: true }
    }
    if (observation && observation.generation === next.generation && next.seen < next.generation) {
      await write(next, { seen: next.generation })
    }
    if (isStopped && observation?.generation === next.generation) return IDLE
    const soon = refusals.has(keyOf(next)) ? 60_000 : 100
    return {
      again: false,
      after: next.command === 'owed' && !isStopped ? soon : settled ? 10_000 : 500,
      active: true,
    }
  }
}

const keyOf = (row: SpaceAppRow) => `${row.space}/${row.app}`
