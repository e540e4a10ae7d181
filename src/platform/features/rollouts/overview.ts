/** What is wanted of every app everywhere, in few queries however many apps there are. */
import type { Origin } from '../../../api/app-spec.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Releases } from '../releases/index.ts'
import { plannedCounts } from './plan.ts'
import type { Phase } from './state.ts'
import { listRollouts, listTargets, newestRollouts } from './store.ts'

export interface Overview {
  app: string
  environment: string
  generation: number
  /** The release that serves. */
  live: number | null
  /** The release whose rollout is under way. */
  rolling: number | null
  /** Counts of what serves, by process. */
  counts: Record<string, number>
  release: { artifact: string; origin: Origin; by: string; liveAt: Date | null } | null
  /** How the newest rollout ended, where nothing serves. */
  failed: string | null
  /** The newest. */
  rollout: { id: string; release: number; phase: Phase } | null
}

const MOST_OPEN = 10_000

export async function overview(
  db: Queries | Within,
  releases: Releases,
  filter: { app?: string | undefined; environment?: string | undefined },
): Promise<Overview[]> {
  const [targets, open, live, newest] = await Promise.all([
    listTargets(db, filter),
    listRollouts(db, { ...filter, active: true, limit: MOST_OPEN }),
    releases.live(db, filter),
    newestRollouts(db, filter),
  ])
  const key = (one: { app: string; environment: string }) => `${one.app}/${one.environment}`
  const serving = new Map(live.map((row) => [key(row), row]))
  const last = new Map(newest.map((row) => [key(row), row]))
  const rolling = new Map(open.map(({ state }) => [key(state), state.release]))
  const known = targets.filter(
    (target) => target.live !== null || target.plan.sets.length > 0 || !target.removing,
  )
  return known.map(({ app, environment, generation, live: number, plan }) => {
    const row = serving.get(key({ app, environment }))
    const release = row && row.number === number ? row : null
    const isIdle = number === null && !rolling.has(key({ app, environment }))
    const ended = last.get(key({ app, environment }))
    return {
      ...{ app, environment, generation, live: number },
      rolling: rolling.get(key({ app, environment })) ?? null,
      counts: number === null ? {} : plannedCounts(plan, number),
      release: release && {
        ...{ artifact: release.artifact, origin: release.origin, by: release.by },
        liveAt: release.live_at,
      },
      failed: isIdle && ended && ended.phase !== 'live' ? ended.message : null,
      rollout: ended ? { id: ended.id, release: ended.release, phase: ended.phase } : null,
    }
  })
}
