/**
 * Pods that whoever routes can know of. A pod is ready before its Service leads to it, and a Gateway is told of that
 * after us; a route that is moved before leads to nobody, and is answered 503.
 */
import type { EndpointSlice, Pod } from '../cluster/objects.ts'
import { LABEL } from '../names.ts'
import { leadsTo } from './edge.ts'
import { readyBySet } from './observation.ts'

/**
 * A Gateway hears of it after us, and later the slower the cluster is: as a measure of that, twice the time that passed
 * between hearing that the pod is ready and hearing that its Service leads to it.
 */
const SHORTEST_MILLISECONDS = 250
const LONGEST_MILLISECONDS = 5000
/** From the moment in which a pod is ready, where its Service may not be looked at. */
const UNSEEN_MILLISECONDS = 3000

export interface Reach {
  /** Ready `web` pods that whoever routes can know of, by set. */
  bySet: Map<string, number>
  /** Those that the Service of their set leads to. */
  told: Map<string, number>
  /** Milliseconds until more of them can be known; null where none is waited for. */
  wait: number | null
}

export interface Endpoints {
  /** `slices`: null where they may not be read. */
  look(pods: readonly Pod[], slices: readonly EndpointSlice[] | null, now: number): Reach
}

interface Heard {
  /** Since when it is ready. */
  ready: number
  /** From when on it counts; null while its Service was not seen to lead to it. */
  counts: number | null
}

/** Remembers when each pod was heard of; what was so at the first look has been so for long enough. */
export function createEndpoints(): Endpoints {
  let heard: Map<string, Heard> | null = null
  return {
    look(pods, slices, now) {
      const told = slices && toldIn(slices)
      const before = heard
      const ready = pods.filter((pod) => readyBySet([pod]).size > 0)
      heard = new Map(
        ready.map(({ metadata: { name } }): [string, Heard] => {
          const known = before?.get(name)
          const since = known?.ready ?? now
          if (told && !told.has(name)) return [name, { ready: since, counts: null }]
          const patience = told
            ? Math.min(LONGEST_MILLISECONDS, Math.max(SHORTEST_MILLISECONDS, 2 * (now - since)))
            : UNSEEN_MILLISECONDS
          return [name, { ready: since, counts: known?.counts ?? (before ? now + patience : now) }]
        }),
      )
      const countsOf = (pod: Pod) => heard?.get(pod.metadata.name)?.counts ?? Number.POSITIVE_INFINITY
      const waits = ready
        .map((pod) => countsOf(pod) - now)
        .filter((left) => left > 0 && left < Number.POSITIVE_INFINITY)
      const bySet = readyBySet(ready.filter((pod) => countsOf(pod) <= now))
      return {
        bySet,
        told: told ? readyBySet(ready.filter((pod) => told.has(pod.metadata.name))) : bySet,
        wait: waits.length > 0 ? Math.min(...waits) : null,
      }
    },
  }
}

/** Names of pods behind the Service of their set; that of the app leads to another set before the switch. */
function toldIn(slices: readonly EndpointSlice[]): Set<string> {
  return new Set(leadsTo(slices.filter(({ metadata }) => metadata.labels?.[LABEL.set] !== undefined)))
}
