/** A space as people read it: what rows say, and what the engine saw just now. Pure. */
import type { Space, SpaceApp } from '../../../api/spaces.ts'
import type { Observation } from '../../../engines/engine.ts'
import { decide, sleepsAt } from './decide.ts'
import * as meters from './meter.ts'
import { countsNow, hasDatabase, isAttached, offOf, setOf } from './rules.ts'
import type { SpaceAppRow, SpaceRow } from './store.ts'

export function spaceView(
  space: SpaceRow,
  apps: readonly SpaceAppRow[],
  seen: (app: string) => Observation | null,
  now: number,
): Space {
  return {
    ...{ name: space.name, environment: space.environment, owner: space.owner },
    ...{ createdAt: space.created_at.toISOString(), expiresAt: space.expires_at.toISOString() },
    ...{ removing: space.removing, banner: space.banner, full: space.apart },
    place: apps.flatMap(({ app }) => seen(app)?.place ?? [])[0] ?? null,
    ...{ branch: space.branch?.name ?? null, webhook: space.webhook },
    apps: apps.map((row) => appView(row, seen(row.app), now)),
  }
}

function appView(row: SpaceAppRow, observation: Observation | null, now: number): SpaceApp {
  // What the engine says now, rather than what was written when somebody last looked.
  const step = decide({ now, row, observation, job: null, refused: null })
  const report = row.command === 'owed' ? row.report : (step?.set.report ?? row.report)
  const set = observation?.sets.find(({ id }) => id === setOf(row))
  const wanted = countsNow(row)
  const processes = Object.entries(wanted).map(([name, count]) => {
    const healthy = (set?.processes ?? []).filter(
      (one) => one.process === name && one.state === 'healthy',
    ).length
    return [name, { wanted: count, healthy: observation ? healthy : null }] as const
  })
  const { cpuHours, memoryGigabyteHours } = meters.read(row.meter, now)
  const lastAskedAt = observation?.demand?.lastAskedAt ?? row.asked_at?.toISOString() ?? null
  const sleeps =
    row.wanted === 'running'
      ? sleepsAt({ now, row, observation }, lastAskedAt === null ? null : Date.parse(lastAskedAt))
      : null
  return {
    ...{ app: row.app, set: setOf(row), revision: row.revision },
    state: row.wanted === 'running' ? report.phase : row.wanted,
    ...{ message: report.message, hint: report.hint, lastLines: report.lastLines },
    ...{ artifact: row.artifact, origin: row.origin, by: row.by, since: row.delivered_at.toISOString() },
    live: row.live !== null,
    attached:
      isAttached(row, now) && row.attached_by !== null
        ? { by: row.attached_by, until: row.attached_until!.toISOString() }
        : null,
    processes: Object.fromEntries(processes),
    ownDatabase: hasDatabase(row) ? { dump: row.dump } : null,
    off: offOf(row),
    swap: swapOf(row, now),
    lastAskedAt,
    sleepsAt: sleeps === null ? null : new Date(sleeps).toISOString(),
    ...{ cpuHours, memoryGigabyteHours },
    observedAt: observation?.at ?? null,
  }
}

export function swapOf(
  { swap_by: by, swap_since: since, swap_until: until }: SpaceAppRow,
  now: number,
): SpaceApp['swap'] {
  if (by === null || since === null || until === null || until.getTime() <= now) return null
  return { by, since: since.toISOString(), until: until.toISOString() }
}
