/** Places that are given once and then kept, so that what leads to them need not move: ports, and routes of hosts. Pure. */
import { FIRST_SERVICE_PORT } from '../../../router/hop/protocol.ts'

export type Places = Readonly<Record<string, number>>

/** The port of the hop that leads to a service. A port that is led to is never given to another. */
export function givePorts(before: Places, services: Iterable<string>): Places {
  return give(before, services, { first: FIRST_SERVICE_PORT, room: 1 })
}

/** The Gateway API's own bound on host names of one route. */
const MOST_HOSTS = 16

/** The number of the route that a host is listed in. A host that moved from one to another would be nowhere meanwhile. */
export function giveRoutes(before: Places, hosts: Iterable<string>): Places {
  return give(before, hosts, { first: 0, room: MOST_HOSTS })
}

function give(
  before: Places,
  wanted: Iterable<string>,
  { first, room }: { first: number; room: number },
): Places {
  const keys = [...new Set(wanted)].sort()
  const given = new Map<string, number>()
  const taken = new Map<number, number>()
  const put = (key: string, place: number) => {
    given.set(key, place)
    taken.set(place, (taken.get(place) ?? 0) + 1)
  }
  for (const key of keys) if (before[key] !== undefined) put(key, before[key])
  let next = first
  for (const key of keys) {
    if (given.has(key)) continue
    while ((taken.get(next) ?? 0) >= room) next += 1
    put(key, next)
  }
  return Object.fromEntries(given)
}
