/** What a promotion of one app would change, and everything that stands in its way. Changes nothing. */
import type { PromotionPlan } from '../../../api/pipelines.ts'
import { PLATFORM } from '../../kernel/actor.ts'
import type { Change } from '../../kernel/database.ts'
import { differences, NOTHING, type ReleaseWithState, wouldRepeat } from '../releases/index.ts'
import { platformRefusals } from './fit.ts'
import type { PipelinesOptions } from './options.ts'
import { broughtBy, missingConfig, noneLive, type Refusal } from './rules.ts'

/** Releases that are looked through for what a promotion brings. */
const LOOKED_THROUGH = 200

/** Thrown to undo what was only looked at. */
const ONLY_LOOKED = new Error('a plan keeps nothing')

export function createPlans({ database, engines, releases, rollouts }: PipelinesOptions) {
  async function look(
    change: Change,
    release: ReleaseWithState,
    to: string,
    together: readonly string[],
  ): Promise<Omit<PromotionPlan, 'app' | 'from' | 'to' | 'pinned'>> {
    const { app, environment: from, run } = release
    const found = await rollouts.refusals(change, { app, environment: to, run }, together)
    const next = { ...release, ...found.config }
    const number = await rollouts.live(change.db, app, to)
    const live = number === null ? null : await releases.find(change.db, app, to, number)
    const unchanged = live !== null && wouldRepeat(live, next)
    const rows = unchanged ? [] : await releases.list(change.db, app, from, LOOKED_THROUGH)
    return {
      differences: differences(live ?? NOTHING, next),
      brings: broughtBy(rows, release.number, live?.artifact ?? null),
      missingConfig: missingConfig(release, found.config, run.variables),
      refusals: found.refusals.map(asRefusal),
      unchanged,
    }
  }

  return async (
    app: string,
    from: string,
    to: string,
    together: readonly string[],
  ): Promise<PromotionPlan> => {
    const number = await rollouts.live(database.db, app, from)
    const empty: PromotionPlan = {
      app,
      from,
      to,
      pinned: null,
      differences: [],
      brings: [],
      missingConfig: [],
      refusals: [],
      unchanged: false,
    }
    if (number === null) return { ...empty, refusals: [asRefusal(noneLive(app, from))] }
    const release = await releases.get(database.db, app, from, number)
    const unfit = await platformRefusals(engines, to, release)
    let plan = empty
    try {
      // Looking may make up generated values; a plan keeps nothing of that.
      await database.change(PLATFORM, async (change) => {
        const looked = await look(change, release, to, together)
        plan = {
          ...{ ...empty, ...looked, pinned: { id: release.id, number } },
          refusals: [...unfit.map(asRefusal), ...looked.refusals],
        }
        throw ONLY_LOOKED
      })
    } catch (error) {
      if (error !== ONLY_LOOKED) throw error
    }
    return plan
  }
}

function asRefusal({ message, hint }: Refusal) {
  return hint === undefined ? { message } : { message, hint }
}
