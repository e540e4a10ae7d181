/**
 * What may move now: a pure function from what is asked for and what is seen. The promises about order live here:
 * traffic goes to a set only when it is ready, what serves goes on until then, and a set is let go only when whoever
 * routes was seen to route past it.
 */
import type { SplitRule } from '../engine.ts'
import type { Stored } from './stored.ts'

/** The process that takes traffic. */
export const WEB = 'web'

export interface PlanFacts {
  /** Ready `web` pods by set. */
  ready: ReadonlyMap<string, number>
  /** Those among them that whoever routes can know of. */
  reachable: ReadonlyMap<string, number>
  /** The route does what it was last asked to. */
  isRouted: boolean
}

export function plan(stored: Stored, facts: PlanFacts): Stored {
  const split = chooseSplit(stored, facts)
  if (!sameSplit(split, stored.split)) return { ...stored, split }
  if (!facts.isRouted) return stored
  const serving = weightedSets(split)
  const retained = stored.retained.filter((set) => serving.has(set.id))
  const isSame = retained.length === stored.retained.length && sameSplit(split, stored.served)
  return isSame ? stored : { ...stored, retained, served: split }
}

/**
 * The split asked for, once every set in it that would get traffic is ready and known; until then the one in force, as long as
 * anybody serves in it.
 */
function chooseSplit(stored: Stored, { ready, reachable }: PlanFacts): SplitRule[] {
  const { split: asked, sets } = stored.desired
  if (sameSplit(asked, stored.split)) return asked
  const inForce = weightedSets(stored.split)
  const isUp = (id: string) => (ready.get(id) ?? 0) > 0
  const isWhole = (id: string) =>
    (reachable.get(id) ?? 0) >= (sets.find((set) => set.id === id)?.processes[WEB]?.count ?? 0)
  const isReady = [...weightedSets(asked)].every((id) => (inForce.has(id) ? isUp(id) : isWhole(id)))
  if (isReady) return asked
  return [...inForce].some(isUp) ? stored.split : asked
}

/** Ids of the sets that get any traffic. */
export function weightedSets(split: readonly SplitRule[]): Set<string> {
  return new Set(
    split.flatMap((rule) => Object.entries(rule.weights).flatMap(([id, weight]) => (weight > 0 ? [id] : []))),
  )
}

export function sameSplit(one: readonly SplitRule[], other: readonly SplitRule[]): boolean {
  return canonical(one) === canonical(other)
}

function canonical(split: readonly SplitRule[]): string {
  return JSON.stringify(split, (_key, value) =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}
