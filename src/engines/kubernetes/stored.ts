/**
 * What is kept of a target in the cluster itself: what was asked for, without a value of its config, and how far it
 * has come. Whoever starts anew goes on from here.
 */
import type { ForeignImage, ProcessSpec } from '../../api/app-spec.ts'
import type { Desired, DesiredCron, Overlay, SplitRule, Target, WantedDomain } from '../engine.ts'

export interface StoredSet {
  id: string
  release: number
  image: string
  /** What the image says of itself, where it was made elsewhere. */
  foreign?: ForeignImage
  /** Digest of the artifact that the image was made of, and the trees of the app's own layers in it. */
  artifact: string
  trees: string[]
  /** The immutable Secret that holds its config, and the keys in it. */
  config: string
  keys: string[]
  needs: string[]
  /** Its workspace follows somebody's files. */
  live?: StoredLive
  processes: Record<string, ProcessSpec & { count: number }>
}

export interface StoredLive {
  /** Image of the agent that lies beside each process, and what starts it there. */
  agent: string
  command: string[]
  /** Processes that take up changed files by themselves. */
  reloading: string[]
}

export interface StoredDesired {
  sets: StoredSet[]
  split: SplitRule[]
  crons: DesiredCron[]
  restarts: Record<string, number>
  /** Nobody from outside is let in. */
  closed: boolean
  domains?: WantedDomain[]
  /** Of a target with a space: how traffic comes to it. */
  overlay?: Overlay
}

export interface Stored {
  target: Target
  generation: number
  removed: boolean
  desired: StoredDesired
  /** Sets that are no longer asked for, but serve until those that are can take over. */
  retained: StoredSet[]
  /** What the route was last asked to do. */
  split: SplitRule[]
  /** What it was last seen to do. */
  served: SplitRule[]
  /** Calls between apps lead through the hop, and how often they began to. */
  through?: boolean
  reroutes?: number
  /** The Gateway may have listeners for its domains. */
  listens?: boolean
  /** A Service that moves from set to set is there, for the Gateway to hear of; or the route leads to it. */
  edge?: 'made' | 'used'
}

export const NOTHING: StoredDesired = { sets: [], split: [], crons: [], restarts: {}, closed: false }

export function emptyStored(target: Target): Stored {
  return { target, generation: 0, removed: false, desired: NOTHING, retained: [], split: [], served: [] }
}

/** Everything that has to be there now: what is asked for, and what still serves. */
export function setsOf(stored: Stored): StoredSet[] {
  return [...stored.desired.sets, ...stored.retained]
}

/** The next wish over the one in force: sets that it leaves out are retained, and `plan` lets them go in time. */
export function takeOver(before: Stored, generation: number, desired: StoredDesired): Stored {
  const ids = new Set(desired.sets.map((set) => set.id))
  return {
    ...before,
    generation,
    removed: false,
    desired,
    retained: setsOf(before).filter((set) => !ids.has(set.id)),
  }
}

export function takeAway({ edge: _gone, ...before }: Stored, generation: number): Stored {
  return { ...before, generation, removed: true, desired: NOTHING, retained: [], split: [], served: [] }
}

/**
 * Calls begin to lead through the hop, or end to. A connection that a caller keeps from before would lead past it for as
 * long as there is something to ask, and a space's requests would be answered by the environment: the processes are
 * replaced once, one at a time. On the way back nobody has to be: the hop ends its own connections.
 */
export function reroute(stored: Stored, through: boolean): Stored {
  if ((stored.through ?? false) === through) return stored
  return { ...stored, through, reroutes: (stored.reroutes ?? 0) + Number(through) }
}

/** Written down before the Gateway is asked, so that whoever goes on knows what is to be taken back. */
export function listen(stored: Stored): Stored {
  const wants = stored.desired.domains?.some(({ certificate }) => certificate !== undefined)
  return wants && !stored.listens ? { ...stored, listens: true } : stored
}

/** `restarts` of the wish as the record keeps it. */
export function storedDesired(desired: Desired, sets: StoredSet[]): StoredDesired {
  return {
    sets,
    split: desired.split,
    crons: desired.crons,
    restarts: desired.restarts ?? {},
    closed: desired.maintenance !== undefined,
    ...(desired.domains === undefined ? {} : { domains: desired.domains }),
    ...(desired.overlay === undefined ? {} : { overlay: desired.overlay }),
  }
}
