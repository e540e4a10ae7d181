/**
 * Whether apps pass on in which space they were asked: what the router sees of calls between apps, counted by who made
 * them. Nobody says who calls. It is told from the trace: of the apps that are answering a request of the same trace in
 * a space, the newest that has not been seen to pass the space on. A call without any trace is put down to the one app
 * that answers a request in a space at that moment, where there is but one; it proves nothing alone.
 */

export interface Calls {
  /** Carried the space. */
  kept: number
  /** Of the same trace, and without the space. */
  lost: number
  /** Without any trace, while the caller alone answered a request in a space. */
  untraced: number
  /** The last that was not `kept`, milliseconds since the epoch. */
  at: number | null
}

/** Of one caller. */
export interface CallsFrom {
  /** Requests in a space that it was asked. */
  asked: number
  /** By the key of the service that was called. */
  to: Record<string, Calls>
}

export interface Arrival {
  /** The key of the service that is asked. */
  service: string
  /** What whoever asks sent, and null where it sent none. */
  traceparent: string | null
  space: string | null
  isInside: boolean
}

interface Answering {
  service: string
  /** Of the trace that the app got. */
  trace: string
  space: string
  /** Which copy answers it, as far as that is decided. */
  copy: () => string | null
  hasKept: boolean
}

const MOST_ANSWERING = 10_000
const MOST_CALLERS = 2_000

export type CallsSeen = ReturnType<typeof createCallsSeen>

export function createCallsSeen(now: () => number) {
  const byTrace = new Map<string, Answering[]>()
  /** By environment, then by service. */
  const answering = new Map<string, Map<string, Set<Answering>>>()
  let count = 0
  const callers = new Map<string, CallsFrom>()

  const traceOf = (traceparent: string) => traceparent.slice(3, 35)
  const environmentOf = (service: string) => service.slice(0, service.indexOf('/'))

  function countsOf({ service, copy }: Answering): CallsFrom | null {
    const key = callerKey(service, copy())
    const known = callers.get(key)
    if (known) return known
    if (callers.size >= MOST_CALLERS) return null
    const fresh: CallsFrom = { asked: 0, to: {} }
    callers.set(key, fresh)
    return fresh
  }

  function note(caller: Answering, callee: string, how: 'kept' | 'lost' | 'untraced'): void {
    const counts = countsOf(caller)
    if (!counts) return
    counts.to[callee] ??= { kept: 0, lost: 0, untraced: 0, at: null }
    const calls = counts.to[callee]
    calls[how]++
    if (how !== 'kept') calls.at = now()
  }

  function called({ service, traceparent, space }: Arrival): void {
    const environment = environmentOf(service)
    if (traceparent === null) {
      if (space !== null) return
      const there = answering.get(environment)
      const [one] = there?.size === 1 ? there.values() : []
      const [first] = one ?? []
      if (first && first.service !== service) note(first, service, 'untraced')
      return
    }
    const chain = (byTrace.get(traceOf(traceparent)) ?? []).filter(
      (one) => environmentOf(one.service) === environment,
    )
    if (space !== null) {
      const caller = chain.findLast((one) => one.space === space)
      if (!caller) return
      caller.hasKept = true
      note(caller, service, 'kept')
      return
    }
    const caller = chain.findLast(({ hasKept }) => !hasKept)
    if (caller) note(caller, service, 'lost')
  }

  function add(one: Answering): void {
    count++
    byTrace.set(one.trace, [...(byTrace.get(one.trace) ?? []), one])
    const environment = environmentOf(one.service)
    const there = answering.get(environment) ?? new Map<string, Set<Answering>>()
    answering.set(environment, there)
    there.set(one.service, (there.get(one.service) ?? new Set()).add(one))
  }

  function remove(one: Answering): void {
    count--
    const rest = (byTrace.get(one.trace) ?? []).filter((other) => other !== one)
    if (rest.length > 0) byTrace.set(one.trace, rest)
    else byTrace.delete(one.trace)
    const environment = environmentOf(one.service)
    const there = answering.get(environment)
    const same = there?.get(one.service)
    same?.delete(one)
    if (same?.size === 0) there?.delete(one.service)
    if (there?.size === 0) answering.delete(environment)
  }

  return {
    /**
     * A request has come in. `trace` is the one that the app gets, `copy` tells which space's copy answers, null for the
     * environment's own. The answer is called once it is over.
     */
    arrive(arrival: Arrival, trace: string, copy: () => string | null): (() => void) | null {
      const { service, space } = arrival
      if (arrival.isInside && count > 0) called(arrival)
      if (space === null || count >= MOST_ANSWERING) return null
      const one: Answering = { service, trace: traceOf(trace), space, copy, hasKept: false }
      add(one)
      return () => {
        const counts = countsOf(one)
        if (counts) counts.asked++
        remove(one)
      }
    },
    /** `space`: of the copy that it has; null for the environment's own. */
    from: (service: string, space: string | null): CallsFrom | null =>
      callers.get(callerKey(service, space)) ?? null,
    /** Nobody asks any more what is gone. */
    forget(services: ReadonlySet<string>): void {
      for (const key of callers.keys()) if (!services.has(key.split('\0')[0]!)) callers.delete(key)
    },
  }
}

const callerKey = (service: string, space: string | null) => `${service}\0${space ?? ''}`
