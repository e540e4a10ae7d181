/**
 * The Service that moves from set to set. A Gateway that follows the pods behind a Service hears of a switch as of any change
 * of them, in one piece: the route stays as it is, and nothing has to reach the Gateway on two ways in the right order. Pure.
 */
import type { EndpointSlice, Pod, Route } from '../cluster/objects.ts'
import { weightedSets } from '../plan.ts'
import type { Stored } from '../stored.ts'
import { isReady, setOf } from './pods.ts'

/**
 * Controllers of Gateways that send requests to the pods in EndpointSlices by themselves, as switches under load have shown. A
 * load balancer of a cloud takes pods in only when it has found them well, and lets the old ones go before that.
 */
const FOLLOWING = new Set(['traefik.io/gateway-controller'])
const SERVICE_NAME = 'kubernetes.io/service-name'
/** From when on every Gateway has heard of the Service, however slow the cluster is. */
const KNOWN_MILLISECONDS = 5000

/** Whether every Gateway of the route follows pods; null where that cannot be told now. */
export function followsPods(route: Route | null): boolean | null {
  const controllers = (route?.status?.parents ?? []).map(({ controllerName }) => controllerName)
  return controllers.length === 0 ? null : controllers.every((one) => FOLLOWING.has(one ?? ''))
}

export const ofService = ({ metadata }: EndpointSlice, service: string) =>
  metadata.labels?.[SERVICE_NAME] === service

/** Names of pods that requests are sent to. */
export function leadsTo(slices: readonly EndpointSlice[]): string[] {
  return slices
    .flatMap(({ endpoints }) => endpoints ?? [])
    .flatMap(({ conditions, targetRef }) => (conditions?.ready === false ? [] : (targetRef?.name ?? [])))
}

/** `since`: null where it leads to nobody. */
export function isKnownSince(since: number | null, at: number): boolean {
  return since !== null && at - since >= KNOWN_MILLISECONDS
}

/** Where the route leads to that Service: it leads to the set that gets everything, and to no other. `slices`: null unread. */
export function isEdgeMoved(
  { edge, split }: Stored,
  slices: readonly EndpointSlice[] | null,
  pods: readonly Pod[],
): boolean {
  const [only, ...more] = weightedSets(split)
  if (edge !== 'used' || slices === null || only === undefined || more.length > 0) return true
  const sets = new Map(pods.map((pod) => [pod.metadata.name, setOf(pod)]))
  const led = new Set(leadsTo(slices).flatMap((name) => sets.get(name) ?? []))
  const isManned = pods.some((pod) => setOf(pod) === only && isReady(pod))
  return [...led].every((set) => set === only) && (led.has(only) || !isManned)
}
