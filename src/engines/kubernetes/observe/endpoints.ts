/**
 * Pods that whoever routes can know of. A pod is ready before its Service leads to it, and a Gateway is told of that
 * after us; a route that is moved before leads to nobody, and is answered 503.
 */
import type { EndpointSlice, Pod } from '../cluster/objects.ts'
import { LABEL } from '../names.ts'
import { readyBySet } from './observation.ts'

/** From the moment in which the cluster told us: a Gateway that is short of processor time is told later. */
const TOLD_MILLISECONDS = 400
/** From the moment in which a pod is ready, where its Service may not be looked at. */
const UNSEEN_MILLISECONDS = 3000

export interface Reach {
  /** Ready `web` pods that whoever routes can know of, by set. */
  bySet: Map<string, number>
  /** Milliseconds until more of them can be known; null where none is waited for. */
  wait: number | null
}

export interface Endpoints {
  /** `slices`: null where they may not be read. */
  look(pods: readonly Pod[], slices: readonly EndpointSlice[] | null, now: number): Reach
}

/** Remembers since when each pod was told of; what was so at the first look has been so for long enough. */
export function createEndpoints(): Endpoints {
  let since: Map<string, number> | null = null
  return {
    look(pods, slices, now) {
      const told = slices ? toldIn(slices) : new Set(pods.map(({ metadata }) => metadata.name))
      const patience = slices ? TOLD_MILLISECONDS : UNSEEN_MILLISECONDS
      const ready = pods.filter((pod) => told.has(pod.metadata.name) && readyBySet([pod]).size > 0)
      const before = since
      since = new Map(
        ready.map(({ metadata: { name } }) => [name, before ? (before.get(name) ?? now) : 0] as const),
      )
      const waits = [...since.values()].map((at) => at + patience - now).filter((left) => left > 0)
      return {
        bySet: readyBySet(ready.filter((pod) => (since?.get(pod.metadata.name) ?? now) + patience <= now)),
        wait: waits.length > 0 ? Math.min(...waits) : null,
      }
    },
  }
}

/** Names of pods behind the Service of their set; that of the app leads to another set before the switch. */
function toldIn(slices: readonly EndpointSlice[]): Set<string> {
  return new Set(
    slices
      .filter(({ metadata }) => metadata.labels?.[LABEL.set] !== undefined)
      .flatMap(({ endpoints }) => endpoints ?? [])
      .flatMap(({ conditions, targetRef }) => (conditions?.ready === false ? [] : (targetRef?.name ?? []))),
  )
}
