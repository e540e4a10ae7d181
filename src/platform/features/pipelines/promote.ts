/** The promotion itself: all apps are checked first, all reasons told at once, and all releases are one change. */
import type { ReleaseSummary } from '../../../api/releases.ts'
import type { Change, Queries, Within } from '../../kernel/database.ts'
import { asSummary, type ReleaseWithState } from '../releases/index.ts'
import { type Delivery, refusedFor } from '../rollouts/index.ts'
import { platformRefusals } from './fit.ts'
import type { PipelinesOptions } from './options.ts'
import { noLongerLive, noSuchRelease, type Refusal } from './rules.ts'

interface Pinned {
  app: string
  from: string
  /** The release's id. */
  release: string
}

interface Promotion {
  to: string
  apps: readonly Pinned[]
  /** What the engine says against an app. */
  unfit: ReadonlyMap<string, readonly Refusal[]>
  by: string
}

interface Promoted {
  app: string
  release: ReleaseSummary
  /** Null where the environment serves just that already. */
  rollout: string | null
}

export function createPromotions({ database, engines, releases, rollouts, countsFor }: PipelinesOptions) {
  async function findPinned(db: Queries | Within, { app, from, release }: Pinned) {
    const rows = await releases.list(db, app, from, 1000)
    const row = rows.find((one) => one.id === release)
    return row ? releases.find(db, app, from, row.number) : null
  }

  async function reasonsAgainst(change: Change, pinned: ReleaseWithState, { to, apps, unfit }: Promotion) {
    const { app, environment: from, run } = pinned
    const moved = noLongerLive(pinned, await rollouts.live(change.db, app, from))
    const together = apps.map((one) => one.app)
    const { refusals } = await rollouts.refusals(change, { app, environment: to, run }, together)
    return [...(moved ? [moved] : []), ...(unfit.get(app) ?? []), ...refusals]
  }

  async function promoteOne(
    change: Change,
    release: ReleaseWithState,
    promotion: Promotion,
  ): Promise<Promoted> {
    const { to, apps, by } = promotion
    const { app, environment: from, number, id, content, run, origin } = release
    const counts = await countsFor(change.db, release, to)
    const delivery: Delivery = {
      ...{ app, environment: to, content, run, origin, by },
      ...(counts && { counts }),
      reason: 'promote',
      description: `Promote v${number} from ${from}`,
      from: { environment: from, number, id },
    }
    const serving = await rollouts.serving(change, delivery)
    if (serving !== null) {
      return { app, release: asSummary(await releases.get(change.db, app, to, serving)), rollout: null }
    }
    const together = apps.map((one) => one.app)
    return { app, ...(await rollouts.deliver(change, delivery, together)) }
  }

  return {
    /** What the engine of the environment says against the artifacts. */
    async askEngines(apps: readonly Pinned[], to: string): Promise<Map<string, Refusal[]>> {
      const answers = new Map<string, Refusal[]>()
      for (const one of apps) {
        const pinned = await findPinned(database.db, one)
        if (pinned) answers.set(one.app, await platformRefusals(engines, to, pinned))
      }
      return answers
    },

    async promote(change: Change, promotion: Promotion): Promise<Promoted[]> {
      const found: ReleaseWithState[] = []
      const reasons: Refusal[] = []
      for (const one of promotion.apps) {
        const pinned = await findPinned(change.db, one)
        if (pinned) found.push(pinned)
        reasons.push(...(pinned ? await reasonsAgainst(change, pinned, promotion) : [noSuchRelease(one)]))
      }
      if (reasons.length > 0) throw refusedFor(reasons)
      const promoted: Promoted[] = []
      for (const release of found) promoted.push(await promoteOne(change, release, promotion))
      return promoted
    },
  }
}
