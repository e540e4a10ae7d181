/**
 * HTTP in, sets out. It shares requests between the sets of an app by rules, moves traffic from one set to the next
 * without losing a request, and tells clients which app does not answer and why.
 * It deliberately starts nothing, checks no health, stores nothing and knows no word of any engine: whoever owns it
 * hands it a table of what is ready, and Node's own parsers read every byte of HTTP.
 */
import type { RequestRecord, SetCounts } from './counts.ts'
import { drainEndpoint } from './drain.ts'
import type { Context } from './exchange.ts'
import { DEFAULT_LIMITS, type Limits } from './limits.ts'
import { listen } from './listen.ts'
import { applyTable, emptyState } from './state.ts'
import type { Door, RouteTable } from './table.ts'
import { createTurns } from './turns.ts'

export type { RequestRecord, SetCounts } from './counts.ts'
export type { Limits } from './limits.ts'
export type { Door, Endpoint, RouteTable, Service, ServiceSet } from './table.ts'

export interface RouterOptions {
  limits?: Partial<Limits>
  /** Milliseconds since the epoch; rules end by it. */
  clock?: { now(): number }
  /** Told of every request that is over. Must not throw. */
  onDone?: (record: RequestRecord) => void
}

export interface Listener {
  host: string
  port: number
  /** Takes no new connection, lets requests finish for `graceMs` (default 10 s), then cuts. */
  close(options?: { graceMs?: number }): Promise<void>
}

export interface Router {
  /** Replaces the whole table at once. Requests under way keep the place they have. */
  update(table: RouteTable): void
  /** The shared edge: the app is chosen by the Host. Port 0 takes a free one. */
  listenEdge(at: { host: string; port: number }): Promise<Listener>
  /** A port of one service; it answers 404 while the table does not name the service. */
  listenService(at: { service: string; door: Door; host: string; port: number }): Promise<Listener>
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
  /** By service, then by set. */
  counts(): Record<string, Record<string, SetCounts>>
  /** Closes every listener; clients are told `Connection: close`. Cuts after `graceMs` (default 10 s). */
  close(options?: { graceMs?: number }): Promise<void>
}

export function createRouter({ limits, clock = Date, onDone = () => {} }: RouterOptions = {}): Router {
  const context: Context = {
    state: emptyState(),
    limits: { ...DEFAULT_LIMITS, ...limits },
    now: () => clock.now(),
    turns: createTurns(),
    onDone,
    closing: false,
  }
  const { state } = context
  const listeners = new Set<Listener>()

  async function open(at: { host: string; port: number }, towards: { door: Door; service: string | null }) {
    const opened = await listen(context, at, towards)
    const listener: Listener = {
      host: opened.host,
      port: opened.port,
      close(options) {
        listeners.delete(listener)
        return opened.close(options)
      },
    }
    listeners.add(listener)
    return listener
  }

  return {
    update: (table) => applyTable(state, table, context.now()),
    listenEdge: (at) => open(at, { door: 'edge', service: null }),
    listenService: ({ service, door, host, port }) => open({ host, port }, { door, service }),
    async drain(id, { withinMs = context.limits.drainMs } = {}) {
      const endpoint = state.endpoints.get(id)
      return { left: endpoint ? await drainEndpoint(endpoint, withinMs, context.limits.drainStreamsMs) : 0 }
    },
    inFlight: (service, set) => state.sets.get(`${service}\0${set}`)?.inFlight ?? 0,
    streams: (service, set) => state.sets.get(`${service}\0${set}`)?.streams ?? 0,
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
