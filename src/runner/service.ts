/** What the router is told about a target. Pure. */
import type { Copy, Service, ServiceSet } from '../router/router.ts'
import { hostName } from './doors.ts'
import type { Live } from './live.ts'
import type { SlotMemory, TargetMemory } from './memory.ts'
import { CRASH_LOOP_FAILURES, slotKey, TRAFFIC_PROCESS } from './plan.ts'
import type { Target } from './shapes.ts'
import { nameOf } from './words.ts'

const SCALED_TO_ZERO = 'scaled-to-zero'

export function serviceOf(
  target: Target,
  memory: TargetMemory,
  lives: Live[],
  slots: ReadonlyMap<string, SlotMemory>,
): Service {
  const sets: Record<string, ServiceSet> = {}
  let notice: Service['notice']
  for (const set of [...memory.desired.sets, ...memory.retained]) {
    const mine = lives.filter(
      ({ running: { record } }) => record.set === set.id && record.process === TRAFFIC_PROCESS,
    )
    const endpoints = mine.flatMap((live) => {
      const { id, port } = live.running.record
      return port !== null && takesRequests(live) ? [{ id, host: '127.0.0.1', port }] : []
    })
    const ended = mine.find(({ running }) => running.state()?.ended)
    const count = set.processes[TRAFFIC_PROCESS]?.count ?? 0
    const troubled = Array.from({ length: count }, (_, index) =>
      slots.get(slotKey({ set: set.id, process: TRAFFIC_PROCESS, slot: index + 1 })),
    ).find((slot) => (slot?.failures ?? 0) >= CRASH_LOOP_FAILURES)
    const state = endpoints.length > 0 ? 'up' : troubled || ended ? 'crashed' : 'starting'
    sets[set.id] = count === 0 && endpoints.length === 0 ? { endpoints } : { endpoints, state }
    const problem = mine.find((live) => live.problem)?.problem ?? troubled?.problem
    if (problem) notice ??= { code: problem.code, message: problem.message }
    else if (count === 0) {
      notice ??= {
        code: SCALED_TO_ZERO,
        message: `${nameOf(target)} is scaled to zero`,
      }
    }
  }
  return {
    app: target.app,
    environment: target.environment,
    hosts: [hostName(target), ...(memory.desired.domains ?? [])],
    sets,
    split: memory.split,
    ...(notice ? { notice } : {}),
    ...(memory.desired.maintenance ? { maintenance: memory.desired.maintenance } : {}),
  }
}

/**
 * What restarts in place is asked as long as its command runs: between two lives it refuses, and is asked again within
 * some milliseconds, sooner than any check could tell.
 */
function takesRequests({ phase, running }: Live): boolean {
  if (!running.record.inPlace) return phase === 'healthy'
  return phase !== 'draining' && phase !== 'drained' && phase !== 'stopping' && !running.state()?.ended
}

/** What a space has of an app; no set where it was stopped, and null where it is gone. */
export function copyOf(
  space: string,
  service: Service,
  { desired, removed }: Pick<TargetMemory, 'desired' | 'removed'>,
): Copy | null {
  if (removed || !desired.overlay) return null
  const { app, split, notice, maintenance } = service
  const sets = Object.entries(desired.sets.length === 0 ? {} : service.sets).map(([id, set]) => {
    const state = set.state ?? 'asleep'
    const isTroubled =
      notice !== undefined && notice.code !== SCALED_TO_ZERO && (state === 'starting' || state === 'crashed')
    return [id, { ...set, state, ...(isTroubled ? { problem: notice.message } : {}) }] as const
  })
  return {
    app,
    space,
    sets: Object.fromEntries(sets),
    split,
    overlay: desired.overlay,
    ...(maintenance ? { maintenance } : {}),
  }
}
