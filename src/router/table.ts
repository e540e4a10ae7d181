/**
 * What the router is told: which apps there are, which sets of them run and where each answers. Plain data, replaced
 * as a whole; it holds nothing that a decision could change.
 */
import type { SpaceDoor } from '../api/overlay.ts'
import type { SplitRule } from '../api/split.ts'

/** One place that answers HTTP. `id` is unique in the whole table and names the same place for ever. */
export interface Endpoint {
  id: string
  host: string
  port: number
}

export interface ServiceSet {
  /** Only places that are ready for requests. */
  endpoints: Endpoint[]
  /** Why there may be no endpoint; told to whoever asks. */
  state?: 'up' | 'starting' | 'crashed' | 'asleep'
  /** The space that it is of; one of the environment's own without. */
  space?: string
  /** What is wrong with it, for a set of a space: there the service's own notice is not meant. */
  problem?: string
}

/** A space over the environment, as this service is entered in it, whether or not it has a copy of the app. */
export interface SpaceEntry {
  /** Names of the shared edge that lead here and into the space, without a port. */
  hosts: string[]
  /** Asked of whoever comes in by these names. */
  door?: SpaceDoor
  /** Put at the foot of its HTML pages. */
  banner?: string
  /** As the service's own, for these names alone. */
  maintenance?: { message: string }
}

export interface Service {
  app: string
  environment: string
  /** Names of the shared edge that lead here, without a port, e.g. `missions.stage.localhost`. */
  hosts: string[]
  /** Spaces over the environment, by name. */
  spaces?: Record<string, SpaceEntry>
  /** By set id, e.g. `v12`; those of a space by `setOfSpace`. */
  sets: Record<string, ServiceSet>
  split: SplitRule[]
  /** Why nothing serves, shown when nothing does: a short code and one sentence. */
  notice?: { code: string; message: string }
  /** Answers 503 at the edge with this sentence; calls between apps go on. */
  maintenance?: { message: string }
}

export interface RouteTable {
  /** By `<environment>/<app>`, e.g. `stage/missions`. */
  services: Record<string, Service>
}

/** `edge`: people and the outside come in, nothing that they claim is trusted. `inside`: calls between apps. */
export type Door = 'edge' | 'inside'
