/**
 * HTTP in, sets out. It shares requests between the sets of an app by rules, moves traffic from one set to the next
 * without losing a request, and tells clients which app does not answer and why.
 * It deliberately starts nothing, checks no health, stores nothing and knows no word of any engine: whoever owns it
 * hands it a table of what is ready, and Node's own parsers read every byte of HTTP.
 */
import { type CallsFrom, createCallsSeen } from './calls.ts'
import type { RequestRecord, SetCounts } from './counts.ts'
import { drainEndpoint } from './drain.ts'
import type { Where } from './entry.ts'
import type { Context } from './exchange.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import { listen } from './listen.ts'
import { applyTable, emptyState } from './state.ts'
import type { Door, RouteTable } from './table.ts'
import { createTurns } from './turns.ts'

export type { Calls, CallsFrom } from './calls.ts'
export type { RequestRecord, SetCounts } from './counts.ts'
export type { Limits } from './limits.ts'
export { type Copy, overlay, setOfSpace } from './overlay.ts'
export type { Door, Endpoint, RouteTable, Service, ServiceSet, SpaceEntry } from './table.ts'

export interface RouterOptions {
  limits?: Partial<Limits>
  /** Milliseconds since the epoch; rules end by it. */
  clock?: { now(): number }
  /** Told of every request that is over. Must not throw. */
  onDone?: (record: RequestRecord) => void
  /** Told when the first request begins to wait for a set of a space that sleeps: somebody has to wake it. Must not throw. */
  onWaiting?: (service: string, space: string) => void
}

/** Of one space and one service, over all sets that the space has of it one after the other. */
export interface Demand {
  /** The last request's beginning or end, milliseconds since the epoch; null before the first. */
  lastAskedAt: number | null
  /** Requests that wait for a set to come up. */
  waiting: number
}

export interface Listener {
  host: string
  port: number
  /** Whether nobody is led here any more: clients are told `Connection: close`, and come next where they are led then. */
  leave(isLeft: boolean): void
  /** Takes no new connection, lets requests finish for `graceMs` (default 10 s), then cuts. */
  close(options?: { graceMs?: number }): Promise<void>
}

export interface Router {
  /** Replaces the whole table at once. Requests under way keep the place they have. */
  update(table: RouteTable): void
  /**
   * The shared edge: the app is chosen by the Host. Port 0 takes a free one. `behindProxy`: a proxy that is trusted lies in
   * front of it; what that one says of the client is passed on.
   */
  listenEdge(at: { host: string; port: number; behindProxy?: boolean }): Promise<Listener>
  /**
   * A port of one service; it answers 404 while the table does not name the service. With `space` it is an edge that
   * leads into that space alone, and answers 404 while the space is not over the service.
   */
  listenService(at: {
    service: string
    door: Door
    space?: string
    host: string
    port: number
  }): Promise<Listener>
  /**
   * No new request goes to the endpoint from now on, whatever the table says. Settles when those under way are over,
   * at the latest after `withinMs`; `left` is how many are not. Nothing is cut but event streams and upgraded
   * connections, and those after `drainStreamsMs`.
   */
  drain(endpoint: string, options?: { withinMs?: number }): Promise<{ left: number }>
  /** Requests and upgraded connections under way. */
  inFlight(service: string, set: string): number
  /** How many of those are event streams and upgraded connections: what drains ends them, so nobody waits for them. */
  streams(service: string, set: string): number
  /** What a space asks of its own sets of the service. */
  demand(service: string, space: string): Demand
  /** Whether the service, or the copy that a space has of it, passes on in which space it was asked; null: it never was. */
  callsFrom(service: string, space: string | null): CallsFrom | null
  /** By service, then by set. */
  counts(): Record<string, Record<string, SetCounts>>
  /** Closes every listener; clients are told `Connection: close`. Cuts after `graceMs` (default 10 s). */
  close(options?: { graceMs?: number }): Promise<void>
}

export function createRouter(options: RouterOptions = {}): Router {
  const { limits, clock = Date, onDone = () => {}, onWaiting = () => {} } = options
  const context: Context = {
    state: emptyState(),
    limits: { ...DEFAULT_LIMITS, ...limits },
    now: () => clock.now(),
    turns: createTurns(),
    calls: createCallsSeen(() => clock.now()),
    onDone,
    onWaiting,
    closing: false,
  }
  const { state } = context
  const listeners = new Set<Listener>()

  async function open(at: { host: string; port: number }, towards: Omit<Where, 'port'>) {
    const opened = await listen(context, at, towards)
    const listener: Listener = {
      host: opened.host,
      port: opened.port,
      leave: opened.leave,
      close(options) {
        listeners.delete(listener)
        return opened.close(options)
      },
    }
    listeners.add(listener)
    return listener
  }

  return {
    update(table) {
      applyTable(state, table, context.now())
      context.calls.forget(new Set(state.services.keys()))
    },
    listenEdge: ({ behindProxy = false, ...at }) =>
      open(at, { door: 'edge', service: null, space: null, behindProxy }),
    listenService: ({ service, door, space = null, host, port }) =>
      open({ host, port }, { door, service, space }),
    async drain(id, { withinMs = context.limits.drainMs } = {}) {
      const endpoint = state.endpoints.get(id)
      return { left: endpoint ? await drainEndpoint(endpoint, withinMs, context.limits.drainStreamsMs) : 0 }
    },
    inFlight: (service, set) => state.sets.get(`${service}\0${set}`)?.inFlight ?? 0,
    streams: (service, set) => state.sets.get(`${service}\0${set}`)?.streams ?? 0,
    demand(service, space) {
      const known = state.services.get(service)
      const found = known?.demands.get(space)
      // A connection that stays open, a WebSocket, is somebody who asks as long as it is.
      const isOpen = [...(known?.sets.values() ?? [])].some((set) => set.space === space && set.inFlight > 0)
      return {
        lastAskedAt: isOpen ? context.now() : (found?.askedAt ?? null),
        waiting: found?.waiting ?? 0,
      }
    },
    callsFrom: (service, space) => context.calls.from(service, space),
    counts() {
      const counts: Record<string, Record<string, SetCounts>> = {}
      for (const set of state.sets.values()) {
        counts[set.service] ??= {}
        counts[set.service]![set.id] = structuredClone(set.counts)
      }
      return counts
    },
    async close(options) {
      context.closing = true
      await Promise.all([...listeners].map((listener) => listener.close(options)))
      applyTable(state, { services: {} }, context.now())
    },
  }
}
