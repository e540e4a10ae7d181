/**
 * The table as the router lives with it: names resolved, and beside each set and endpoint what is under way there.
 * Counters and connection pools outlive a change of the table as long as the thing that they belong to.
 */
import { emptyCounts, type SetCounts } from './counts.ts'
import { closePools, openPools, type Pools } from './pools.ts'
import type { Turns } from './rules.ts'
import type { Endpoint, RouteTable, Service, ServiceSet, SpaceEntry } from './table.ts'

export interface EndpointState {
  id: string
  host: string
  port: number
  set: SetState
  pools: Pools
  inFlight: number
  /** No new request goes there, whatever the table says. */
  draining: boolean
  /** It drained for so long that streams have ended; one that begins now ends at once. */
  endsStreams: boolean
  /** In no table any more: its pools close with its last request. */
  gone: boolean
  /** It refused a connection just now: others come first until then. */
  suspectUntil: number
  /** Ends an event stream or an upgraded connection, for each that is under way. */
  streams: Set<() => void>
  /** Woken when `inFlight` falls to 0. */
  idle: Set<() => void>
}

export interface SetState {
  id: string
  service: string
  state: NonNullable<ServiceSet['state']>
  endpoints: EndpointState[]
  counts: SetCounts
  inFlight: number
  /** How many of those are event streams and upgraded connections, which would not end by themselves. */
  streams: number
  /** Where the round of equally busy endpoints stands. */
  turn: number
  goneAt: number | null
  /** Of a set of a space: the space's demand for the app. */
  demand: DemandState | null
  /** Of a set of a space: which. */
  space: string | null
  problem: string | null
}

/** What a space asks of one app, over all sets that it has of it one after the other. */
export interface DemandState {
  /** When the last request began or ended, milliseconds since the epoch. */
  askedAt: number | null
  /** Requests that wait for a set of it. */
  waiting: number
}

export interface ServiceState {
  key: string
  service: Service
  sets: Map<string, SetState>
  /** By rule, so that a change elsewhere does not start the round anew. */
  turns: Map<string, Turns>
  /** Requests that wait for a set; each is called when the table changed. */
  waiting: Set<() => void>
  /** By space; of those that have sets here. */
  demands: Map<string, DemandState>
}

/** Where a name of the shared edge leads. */
export interface HostState {
  service: ServiceState
  space: { name: string; entry: SpaceEntry } | null
}

export interface RouterState {
  services: Map<string, ServiceState>
  hosts: Map<string, HostState>
  endpoints: Map<string, EndpointState>
  sets: Map<string, SetState>
}

/** How long counts of a set that left the table can still be read. */
const KEEP_COUNTS_MS = 3_600_000

export function emptyState(): RouterState {
  return { services: new Map(), hosts: new Map(), endpoints: new Map(), sets: new Map() }
}

/** Brings the state to the table, in place, and wakes everyone who waits. */
export function applyTable(state: RouterState, table: RouteTable, now: number): void {
  const before = { services: state.services, endpoints: state.endpoints }
  state.services = new Map()
  state.hosts = new Map()
  state.endpoints = new Map()
  for (const set of state.sets.values()) set.goneAt ??= now
  for (const [key, service] of Object.entries(table.services)) {
    const known = before.services.get(key)
    const entry: ServiceState = known ?? {
      key,
      service,
      sets: new Map(),
      turns: new Map(),
      waiting: new Set(),
      demands: new Map(),
    }
    entry.service = service
    entry.sets = new Map()
    const demands = entry.demands
    entry.demands = new Map()
    for (const [id, set] of Object.entries(service.sets)) {
      const applied = applySet(state, before.endpoints, key, id, set)
      entry.sets.set(id, applied)
      if (set.space === undefined) continue
      applied.demand = demands.get(set.space) ?? entry.demands.get(set.space) ?? { askedAt: null, waiting: 0 }
      entry.demands.set(set.space, applied.demand)
    }
    if (entry.turns.size > 100) entry.turns.clear()
    state.services.set(key, entry)
    for (const host of service.hosts) state.hosts.set(host.toLowerCase(), { service: entry, space: null })
    for (const [name, space] of Object.entries(service.spaces ?? {})) {
      for (const host of space.hosts) {
        state.hosts.set(host.toLowerCase(), { service: entry, space: { name, entry: space } })
      }
    }
  }
  for (const endpoint of before.endpoints.values()) {
    if (state.endpoints.get(endpoint.id) !== endpoint) leave(endpoint)
  }
  for (const [key, set] of state.sets) {
    if (set.goneAt !== null && set.inFlight === 0 && now - set.goneAt > KEEP_COUNTS_MS) state.sets.delete(key)
  }
  for (const { waiting } of before.services.values()) wake(waiting)
}

function applySet(
  state: RouterState,
  known: Map<string, EndpointState>,
  service: string,
  id: string,
  told: ServiceSet,
): SetState {
  const name = `${service}\0${id}`
  let set = state.sets.get(name)
  if (!set) {
    set = {
      id,
      service,
      state: 'up',
      endpoints: [],
      counts: emptyCounts(),
      inFlight: 0,
      streams: 0,
      turn: 0,
      goneAt: null,
      demand: null,
      space: null,
      problem: null,
    }
    state.sets.set(name, set)
  }
  set.state = told.state ?? 'up'
  set.space = told.space ?? null
  set.problem = told.problem ?? null
  set.goneAt = null
  set.endpoints = told.endpoints.map((endpoint) => {
    const same = known.get(endpoint.id)
    const kept = same && same.host === endpoint.host && same.port === endpoint.port && same.set === set
    const found = kept ? same : newEndpoint(endpoint, set)
    state.endpoints.set(endpoint.id, found)
    return found
  })
  return set
}

function newEndpoint({ id, host, port }: Endpoint, set: SetState): EndpointState {
  return {
    id,
    host,
    port,
    set,
    pools: openPools(host, port),
    inFlight: 0,
    draining: false,
    endsStreams: false,
    gone: false,
    suspectUntil: 0,
    streams: new Set(),
    idle: new Set(),
  }
}

function leave(endpoint: EndpointState): void {
  endpoint.gone = true
  endpoint.draining = true
  if (endpoint.inFlight === 0) closePools(endpoint.pools)
}

export function enter(endpoint: EndpointState): void {
  endpoint.inFlight++
  endpoint.set.inFlight++
}

/** The counterpart of `enter`, once per request. */
export function release(endpoint: EndpointState): void {
  endpoint.inFlight--
  endpoint.set.inFlight--
  if (endpoint.inFlight > 0) return
  if (endpoint.gone) closePools(endpoint.pools)
  wake(endpoint.idle)
}

/** `end` is called once the endpoint has drained for long enough, maybe now: to be told last. */
export function enterStream(endpoint: EndpointState, end: () => void): void {
  endpoint.streams.add(end)
  endpoint.set.streams++
  if (endpoint.endsStreams) end()
}

/** The counterpart of `enterStream`. Harmless when repeated. */
export function releaseStream(endpoint: EndpointState, end: () => void): void {
  if (endpoint.streams.delete(end)) endpoint.set.streams--
}

function wake(waiting: Set<() => void>): void {
  const all = [...waiting]
  waiting.clear()
  for (const one of all) one()
}
