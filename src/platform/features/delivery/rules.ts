/** Delivery figures, from releases alone. Pure. What each figure means stands in `DELIVERY_DEFINITIONS`. */
import type { DeliveryFigures, Figures } from '../../../api/delivery.ts'
import type { Delivered } from '../releases/index.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

interface Judged extends Delivered {
  isDeployment: boolean
  /** It was rolled out and is not under way any more. */
  isOver: boolean
  failed: boolean
  rolledBack: boolean
}

/** Midnight in UTC, so many days ago, today being the last of them. */
export function beginOf(now: Date, days: number): Date {
  return new Date(Math.floor(now.getTime() / DAY) * DAY - (days - 1) * DAY)
}

/** `releases`: of one environment since `since`, oldest first. */
export function figuresOf(
  releases: readonly Delivered[],
  { environment, since, now }: { environment: string; since: Date; now: Date },
): DeliveryFigures {
  const byApp = Map.groupBy(releases, ({ app }) => app)
  const judged = new Map([...byApp].map(([app, mine]) => [app, judge(mine)]))
  const all = [...judged.values()].flat()
  const days = Math.max(1, Math.round((beginOf(now, 1).getTime() - since.getTime()) / DAY) + 1)
  const apps = [...judged].map(([app, mine]) => ({ app, ...sumUp(mine, days) }))
  return {
    environment,
    since: since.toISOString(),
    all: sumUp(all, days),
    apps: apps.sort((one, other) => other.deployments - one.deployments || (one.app < other.app ? -1 : 1)),
    days: byDay(all, since, days),
  }
}

/** Releases of one app, oldest first. */
function judge(releases: readonly Delivered[]): Judged[] {
  return releases.map((release, index) => {
    const { reason, state, liveAt } = release
    const next = releases[index + 1]
    const rolledBack =
      liveAt !== null &&
      reason !== 'rollback' &&
      next?.reason === 'rollback' &&
      next.createdAt.getTime() - liveAt.getTime() <= HOUR
    return {
      ...release,
      isDeployment: liveAt !== null && (reason === 'ship' || reason === 'promote'),
      isOver: liveAt !== null || state === 'failed',
      failed: liveAt === null && state === 'failed',
      rolledBack,
    }
  })
}

function sumUp(releases: readonly Judged[], days: number): Figures {
  const deployed = releases.filter(({ isDeployment }) => isDeployment)
  // A rollback mends; what it mended is what counts.
  const rolled = releases.filter(({ isOver, reason }) => isOver && reason !== 'rollback')
  const failed = rolled.filter((one) => one.failed).length
  const rolledBack = rolled.filter((one) => one.rolledBack).length
  const times = deployed
    .map(({ liveAt, writtenAt }) => Math.max(0, (liveAt!.getTime() - writtenAt.getTime()) / 1000))
    .sort((one, other) => one - other)
  return {
    deployments: deployed.length,
    perDay: deployed.length / days,
    leadTimeMedian: quantile(times, 0.5),
    leadTimeNinetieth: quantile(times, 0.9),
    rollouts: rolled.length,
    failed,
    rolledBack,
    failurePercent: rolled.length === 0 ? null : (100 * (failed + rolledBack)) / rolled.length,
  }
}

/** The nearest of those that there are. */
function quantile(sorted: readonly number[], share: number): number | null {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
}

function byDay(releases: readonly Judged[], since: Date, days: number): DeliveryFigures['days'] {
  const found = Array.from({ length: days }, (_, index) => ({
    day: new Date(since.getTime() + index * DAY).toISOString().slice(0, 10),
    deployments: 0,
    failures: 0,
  }))
  for (const { isDeployment, failed, rolledBack, liveAt, createdAt } of releases) {
    const day = found[Math.floor(((liveAt ?? createdAt).getTime() - since.getTime()) / DAY)]
    if (!day) continue
    if (isDeployment) day.deployments += 1
    if (failed || rolledBack) day.failures += 1
  }
  return found
}
