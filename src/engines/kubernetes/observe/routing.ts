/**
 * Whether whoever routes does what it was last asked to and has heard of everybody who is ready: from what the cluster says,
 * and from what is remembered of when it began to say so. What was so before this engine looked has been so for long enough.
 */
import type { EndpointSlice, Pod } from '../cluster/objects.ts'
import type { Mirror } from '../mirror.ts'
import { LABEL } from '../names.ts'
import { sameSplit, weightedSets } from '../plan.ts'
import type { Stored } from '../stored.ts'
import { isEdgeMoved, isKnownSince, leadsTo, ofService } from './edge.ts'
import { createEndpoints, type Reach } from './endpoints.ts'
import { beginMove, followMove, lagAfter, type Move, OTHERS_MILLISECONDS, obeyedAt } from './gateway.ts'
import { isAccepted, readyBySet } from './observation.ts'

export interface RoutingParts {
  /** Of the target, and of its route. */
  name: string
  mirror: Pick<Mirror, 'endpoints' | 'routes'>
  /** Of the target. */
  pods(): Pod[]
  /** Milliseconds that a Gateway may take from saying that it has a route to obeying it; 0 where none is asked. */
  routeLag: number
  /** Routers of spaces share requests as they are asked to. */
  isTold(stored: Stored): boolean
}

export interface Routing {
  reach(): Reach
  /** The Service that moves from set to set leads to somebody, and Gateways have heard of it. */
  isEdgeKnown(at: number): boolean
  /** `asks`: what is there was rendered for this, with a route or without. */
  isRouted(stored: Stored, asks: { route: boolean }, at: number): boolean
  /** Whoever routes had the time to hear of everybody who is ready. */
  isHeardOf(stored: Stored, at: number): boolean
  /** When all of this is through, as far as it depends on time alone. */
  dueAt(stored: Stored, isRouted: boolean, at: number): number
}

export function createRouting({ name, mirror, pods, routeLag, isTold }: RoutingParts): Routing {
  /** The move of traffic under way, and when it was asked for. */
  let move: Move | null = null
  let asked: Pick<Move, 'key' | 'askedAt'> = { key: '', askedAt: 0 }
  /** Which sets of the split have somebody who is ready, and since when: whoever routes hears of it later. */
  let manned: { key: string; since: number } | null = null
  let edgeSince: number | null | undefined
  const reached = createEndpoints()

  /** Null where they may not be read. */
  function slices(): EndpointSlice[] | null {
    const { endpoints } = mirror
    if (endpoints.missing() !== null) return null
    return endpoints.all().filter(({ metadata }) => metadata.labels?.[LABEL.app] === name)
  }

  const edgeSlices = () => slices()?.filter((slice) => ofService(slice, `${name}--edge`)) ?? null
  const reach = () => reached.look(pods(), slices(), Date.now())

  function mannedSince(stored: Stored, at: number): number {
    const ready = readyBySet(pods())
    const key = [...weightedSets(stored.split)].filter((id) => (ready.get(id) ?? 0) > 0).join(' ')
    if (manned === null) manned = { key, since: 0 }
    if (manned.key !== key) manned = { key, since: at }
    return manned.since
  }

  return {
    reach,
    isEdgeKnown(at) {
      const leads = leadsTo(edgeSlices() ?? []).length > 0
      edgeSince = leads ? (edgeSince ?? (edgeSince === undefined ? 0 : at)) : null
      return isKnownSince(edgeSince, at)
    },
    isRouted(stored, asks, at) {
      const route = asks.route ? mirror.routes.get(name) : null
      const { uid, generation } = route?.metadata ?? {}
      const key = JSON.stringify([stored.split, uid, generation])
      // What routers have not said yet makes no Gateway late.
      if (asked.key !== key || !isTold(stored)) asked = { key, askedAt: at }
      if ((asks.route && !isAccepted(route)) || !isTold(stored)) return false
      if (asks.route && !isEdgeMoved(stored, edgeSlices(), pods())) return false
      const isOld = move === null && sameSplit(stored.split, stored.served)
      const routes = asks.route && routeLag > 0 ? mirror.routes.all() : []
      if (isOld) move = beginMove({ key, askedAt: 0 }, [], 0)
      else if (move?.key !== key) move = beginMove(asked, routes, at)
      else move = followMove(move, routes, at)
      return at >= obeyedAt(move, routeLag)
    },
    isHeardOf(stored, at) {
      if (at - mannedSince(stored, at) < lagAfter(move, routeLag)) return false
      const { bySet } = reach()
      return routeLag === 0 || [...readyBySet(pods())].every(([id, count]) => (bySet.get(id) ?? 0) >= count)
    },
    dueAt(stored, isRouted, at) {
      const obeys = isRouted || move === null ? 0 : obeyedAt(move, routeLag)
      const dueAt = Number.isFinite(obeys) ? obeys : at + OTHERS_MILLISECONDS
      return Math.max(dueAt, mannedSince(stored, at) + lagAfter(move, routeLag))
    },
  }
}
