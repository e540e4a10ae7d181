/**
 * What a look reads and writes: the rows of one target, and each decision as one change. The rows are the truth; whoever
 * reads them anew goes on from there. The simulator keeps the same journal in memory.
 */
import { PLATFORM } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database } from '../../kernel/database.ts'
import type { Releases } from '../releases/index.ts'
import { releaseStateOf } from './deliver.ts'
import { isOver, type ReleaseFacts, type Step } from './state.ts'
import {
  findTarget,
  openRollouts,
  type RolloutRow,
  type TargetRow,
  updateRollout,
  updateTarget,
} from './store.ts'

export interface Place {
  app: string
  environment: string
  /** The copy in a space over the environment; rollouts know none. */
  space?: string
}

export interface Journal {
  /** The target, and its rollouts that are not over, oldest first. Null where nothing was ever delivered. */
  read(place: Place): Promise<{ target: TargetRow; open: RolloutRow[] } | null>
  release(place: Place, number: number): Promise<ReleaseFacts>
  /** Rollout, target and event in one change. False, and nothing is written, where rows have changed since. */
  commit(rows: { target: TargetRow; row: RolloutRow }, step: Step): Promise<boolean>
  /** The target alone, where no rollout moves it. False where the row has changed since. */
  note(
    target: TargetRow,
    next: Partial<Pick<TargetRow, 'generation' | 'seen' | 'removing'>>,
  ): Promise<boolean>
}

/** Decisions rest on rows that somebody else has changed meanwhile. */
class Stale extends Error {}

export function createJournal({
  database,
  clock,
  releases,
}: {
  database: Database
  clock: Clock
  releases: Releases
}): Journal {
  async function tell(change: Change, target: TargetRow, { rollout, event }: Step): Promise<void> {
    const { app, environment, release } = rollout
    change.event({
      kind: event?.kind ?? '',
      app,
      environment,
      release,
      message: `${app} in ${environment}: ${event?.message}`,
      facts: { rollout: rollout.id, previous: rollout.previous, by: rollout.by },
    })
    const isLive = rollout.phase === 'live'
    if (isLive && target.live !== null && target.live !== release) {
      await releases.setState(change, { app, environment, number: target.live }, { state: 'replaced' })
    }
    await releases.setState(
      change,
      { app, environment, number: release },
      { state: releaseStateOf(rollout.phase), ...(isLive && { liveAt: clock.now() }) },
    )
  }

  return {
    async read({ app, environment }) {
      const target = await findTarget(database.db, app, environment)
      return target && { target, open: await openRollouts(database.db, app, environment) }
    },
    async release({ app, environment }, number) {
      const { run } = await releases.get(database.db, app, environment, number)
      return { number, run }
    },
    async commit({ target, row }, step) {
      const { rollout } = step
      const { generation, plan, live, declared } = step.target
      const isMoved = generation !== target.generation || live !== target.live
      // Whoever ends a rollout says that nothing waits for it any more: what was asked for meanwhile would be forgotten.
      const restsOnTarget = isMoved || isOver(rollout.phase)
      try {
        await database.change(PLATFORM, async (change) => {
          // The target before the rollout, as everyone who locks both.
          if (restsOnTarget && !(await updateTarget(change.db, target, { generation, plan, live, declared })))
            throw new Stale()
          if (!(await updateRollout(change.db, row, rollout))) throw new Stale()
          if (step.event) await tell(change, target, step)
          const isNews = rollout.message !== row.state.message || rollout.awaySince !== row.state.awaySince
          if (step.event || isNews) change.wake('rollouts')
        })
        return true
      } catch (error) {
        if (error instanceof Stale) return false
        throw error
      }
    },
    note: (target, next) => database.change(PLATFORM, (change) => updateTarget(change.db, target, next)),
  }
}
