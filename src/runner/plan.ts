/**
 * What to do next for one target: a pure function from what is asked for and what is seen to actions. Everything that
 * is promised about order lives here: traffic moves to a set only when it is ready, what serves goes on until then,
 * and whatever leaves is drained before it is told to stop.
 */
import type { Desired, DesiredSet, SplitRule } from './shapes.ts'

export const TRAFFIC_PROCESS = 'web'

/** A process that was started and has not ended. */
export interface Instance {
  id: string
  set: string
  process: string
  slot: number
  /** Of `restarts` when it was started. */
  epoch: number
  phase: 'starting' | 'healthy' | 'unhealthy' | 'draining' | 'drained' | 'stopping'
  /** It is being ended because something is wrong with it; its place stays taken until it is gone. */
  failing?: boolean
}

/** What is remembered of a place that processes come and go in, by `slotKey`. */
export interface Slot {
  /** Ends in a row without having run well. */
  failures: number
  endedAt: number
}

export interface Facts {
  instances: Instance[]
  slots: ReadonlyMap<string, Slot>
  /** What the router was last told. */
  split: SplitRule[]
  /** Sets that are no longer asked for but serve until those that are can take over. */
  retained: DesiredSet[]
}

export type Action =
  | { kind: 'start'; set: string; process: string; slot: number; epoch: number }
  | { kind: 'drain'; id: string }
  | { kind: 'stop'; id: string }

export interface Plan {
  actions: Action[]
  split: SplitRule[]
  retained: DesiredSet[]
  settled: boolean
  /** When to look again though nothing happens; milliseconds since the epoch. */
  wakeAt: number | null
}

export const CRASH_LOOP_FAILURES = 3
const FIRST_DELAY = 250
const LONGEST_DELAY = 60_000

export function slotKey(at: { set: string; process: string; slot: number }): string {
  return `${at.set}/${at.process}.${at.slot}`
}

/** Milliseconds to wait before the next start, doubled with each failure in a row. */
export function restartDelay(failures: number): number {
  return failures === 0 ? 0 : Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (failures - 1))
}

export function plan(desired: Desired, facts: Facts, now: number): Plan {
  const split = chooseSplit(desired, facts)
  const weighted = weightedSets(split)
  const wantedIds = new Set(desired.sets.map((set) => set.id))
  const known = [...facts.retained].filter((set) => !wantedIds.has(set.id))
  const retained = known.filter((set) => weighted.has(set.id))
  const sets = [...desired.sets, ...retained]
  const actions: Action[] = []
  let wakeAt: number | null = null
  let settled = retained.length === 0 && sameSplit(split, desired.split)

  const leaving = new Set(
    facts.instances.filter((one) => one.slot > countOf(sets, one.set, one.process)).map((one) => one.id),
  )
  for (const set of sets) {
    for (const [process, { count }] of Object.entries(set.processes)) {
      const epoch = desired.restarts?.[process] ?? 0
      const mine = facts.instances.filter(
        (one) => one.set === set.id && one.process === process && !leaving.has(one.id) && isUp(one),
      )
      const replaced = replaceOne(mine, epoch, process)
      if (replaced) {
        settled = false
        if (replaced.leaves) leaving.add(replaced.leaves)
      }
      for (let slot = 1; slot <= count; slot++) {
        const here = mine.filter((one) => one.slot === slot)
        if (!here.some((one) => one.phase === 'healthy' && one.epoch >= epoch)) settled = false
        const asks = here.length === 0 || replaced?.startSlot === slot
        if (!asks || isOccupied(facts, set.id, process, slot)) continue
        const key = slotKey({ set: set.id, process, slot })
        const { failures, endedAt } = facts.slots.get(key) ?? { failures: 0, endedAt: 0 }
        // An end that lies ahead was written down before the clock was set back: its pause is over.
        const startAt = endedAt > now ? now : endedAt + restartDelay(failures)
        if (startAt <= now) actions.push({ kind: 'start', set: set.id, process, slot, epoch })
        else wakeAt = Math.min(wakeAt ?? startAt, startAt)
      }
    }
  }
  for (const one of facts.instances) {
    if (one.phase === 'drained') actions.push({ kind: 'stop', id: one.id })
    else if (leaving.has(one.id) && isUp(one)) actions.push({ kind: 'drain', id: one.id })
  }
  if (leaving.size > 0 || facts.instances.some((one) => !isUp(one))) settled = false
  return { actions, split, retained, settled, wakeAt }
}

/** Neither leaving nor gone. */
function isUp(one: Instance): boolean {
  return one.phase === 'starting' || one.phase === 'healthy' || one.phase === 'unhealthy'
}

/** By one on its way out: what takes traffic may have its successor beside it, the others not. */
function isOccupied(facts: Facts, set: string, process: string, slot: number): boolean {
  return facts.instances.some(
    (one) =>
      one.set === set &&
      one.process === process &&
      one.slot === slot &&
      (process !== TRAFFIC_PROCESS || one.failing === true),
  )
}

/**
 * A restart replaces one process at a time. What takes traffic gets its successor first; of the others there are never
 * two for one place, since a worker may not expect a second one.
 */
function replaceOne(
  mine: Instance[],
  epoch: number,
  process: string,
): { startSlot?: number; leaves?: string } | null {
  const old = mine.filter((one) => one.epoch < epoch).sort((a, b) => a.slot - b.slot)
  if (old.length === 0) return null
  if (mine.some((one) => one.epoch >= epoch && one.phase !== 'healthy')) return {}
  const next = old[0]!
  if (process !== TRAFFIC_PROCESS) return { leaves: next.id }
  const successor = mine.some((one) => one.slot === next.slot && one.epoch >= epoch)
  return successor ? { leaves: next.id } : { startSlot: next.slot }
}

/**
 * The split asked for, once every set in it that would get traffic is ready; until then the one in force, as long as
 * anybody serves in it.
 */
function chooseSplit(desired: Desired, facts: Facts): SplitRule[] {
  if (sameSplit(desired.split, facts.split)) return desired.split
  const inForce = weightedSets(facts.split)
  const asked = [...weightedSets(desired.split)]
  const ready = asked.every((id) =>
    inForce.has(id) ? healthyOf(facts, id) > 0 : isReady(desired, facts, id),
  )
  if (ready) return desired.split
  const serves = [...inForce].some((id) => healthyOf(facts, id) > 0)
  return serves ? facts.split : desired.split
}

function isReady(desired: Desired, facts: Facts, id: string): boolean {
  return healthyOf(facts, id) >= countOf(desired.sets, id, TRAFFIC_PROCESS)
}

function healthyOf(facts: Facts, id: string): number {
  return facts.instances.filter(
    (one) => one.set === id && one.process === TRAFFIC_PROCESS && one.phase === 'healthy',
  ).length
}

function countOf(sets: DesiredSet[], id: string, process: string): number {
  return sets.find((set) => set.id === id)?.processes[process]?.count ?? 0
}

/** Ids of the sets that get any traffic. */
export function weightedSets(split: SplitRule[]): Set<string> {
  return new Set(
    split.flatMap((rule) => Object.entries(rule.weights).flatMap(([id, weight]) => (weight > 0 ? [id] : []))),
  )
}

export function sameSplit(one: SplitRule[], other: SplitRule[]): boolean {
  return canonical(one) === canonical(other)
}

function canonical(split: SplitRule[]): string {
  return JSON.stringify(split, (_key, value) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}
