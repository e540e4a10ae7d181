/**
 * What may move now: a pure function from what is asked for and what is seen. The promises about order live here:
 * traffic goes to a set only when it is ready, what serves goes on until then, and a set is let go only when whoever
 * routes was seen to route past it.
 */
import type { SplitRule } from '../engine.ts'
import type { Stored } from './stored.ts'

/** The process that takes traffic. */
export const WEB = 'web'

export interface PlanFacts extends EdgeFacts {
  /** Ready `web` pods by set. */
  ready: ReadonlyMap<string, number>
  /** Those among them that the Service of their set leads to, and those that whoever routes can know of. */
  told: ReadonlyMap<string, number>
  reachable: ReadonlyMap<string, number>
  /** The route does what it was last asked to. */
  isRouted: boolean
  /** Somebody else asks the Services of the sets themselves. */
  isShared: boolean
}

export interface EdgeFacts {
  /** The Gateway sends requests to the pods behind a Service; null where that cannot be told. */
  follows: boolean | null
  /** The Service that moves from set to set leads to those who serve, and the Gateway has heard of it. */
  isEdgeKnown: boolean
}

export function plan(stored: Stored, facts: PlanFacts): Stored {
  const split = chooseSplit(stored, facts)
  if (!sameSplit(split, stored.split)) return moved(stored, split, facts)
  if (facts.follows === false && stored.edge === 'used') return { ...stored, edge: 'made' }
  if (facts.follows && !stored.edge) return { ...stored, edge: 'made' }
  if (!facts.isRouted) return stored
  const serving = weightedSets(split)
  const retained = stored.retained.filter((set) => serving.has(set.id))
  const isSame = retained.length === stored.retained.length && sameSplit(split, stored.served)
  return isSame ? stored : { ...stored, retained, served: split }
}

/** What is asked of whoever routes in order that this split be in force. */
export function moved(stored: Stored, split: SplitRule[], facts: EdgeFacts): Stored {
  return { ...stored, split, ...(canMoveEdge(stored, facts) && { edge: 'used' }) }
}

/** How traffic will probably be asked to move next: the newest set of those that serve nobody yet gets all of it. */
export function probableSplit({ desired, split }: Stored): SplitRule[] {
  if (!sameSplit(split, desired.split)) return desired.split
  const serving = weightedSets(split)
  const next = desired.sets.filter(({ id, processes }) => processes[WEB] && !serving.has(id))
  const newest = next.sort((one, other) => one.release - other.release).at(-1)
  return newest ? [{ weights: { [newest.id]: 1 } }] : split
}

/** What the next release will probably ask for first: one more set of the same processes, of which `web` comes up. */
export function probableNext(stored: Stored): Stored | null {
  const { desired, retained, target } = stored
  const [set, ...more] = desired.sets
  if (!set || more.length > 0 || retained.length > 0 || target.space !== undefined) return null
  const release = set.release + 1
  const processes = Object.entries(set.processes).map(([name, spec]) => [
    name,
    { ...spec, count: name === WEB ? spec.count : 0 },
  ])
  const next = { ...set, id: `v${release}`, release, processes: Object.fromEntries(processes) }
  return { ...stored, desired: { ...desired, sets: [set, next] } }
}

/**
 * The split asked for, once every set in it that would get traffic is ready and known; until then the one in force, as long as
 * anybody serves in it.
 */
function chooseSplit(stored: Stored, facts: PlanFacts): SplitRule[] {
  const { split: asked, sets } = stored.desired
  if (sameSplit(asked, stored.split)) return asked
  const { ready } = facts
  const inForce = weightedSets(stored.split)
  // What is behind a Service changes in one piece: there is nothing else to hear of before.
  const isOnePiece = weightedSets(asked).size === 1 && !facts.isShared && canMoveEdge(stored, facts)
  const reachable = isOnePiece ? facts.told : facts.reachable
  const isUp = (id: string) => (ready.get(id) ?? 0) > 0
  const isWhole = (id: string) =>
    (reachable.get(id) ?? 0) >= (sets.find((set) => set.id === id)?.processes[WEB]?.count ?? 0)
  const isReady = [...weightedSets(asked)].every((id) => (inForce.has(id) ? isUp(id) : isWhole(id)))
  if (isReady) return asked
  return [...inForce].some(isUp) ? stored.split : asked
}

function canMoveEdge({ edge }: Stored, { follows, isEdgeKnown }: EdgeFacts): boolean {
  return follows === true && (edge === 'used' || (edge === 'made' && isEdgeKnown))
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
