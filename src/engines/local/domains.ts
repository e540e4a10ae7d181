/** Names of one's own on this machine: the shared edge serves them, in plain HTTP and to this machine. Pure but for one look. */
import { networkInterfaces } from 'node:os'
import type { Observation, Problem, SeenDomain, WantedDomain } from '../engine.ts'

/** As the edge names apps by itself: `shop.stage.localhost`. */
const GIVEN = /^[^.]+\.[^.]+\.localhost$/
const LOOPBACK = '127.0.0.1'

export function domainProblem({ host, certificate }: WantedDomain, edge: string): Problem | null {
  if (GIVEN.test(host)) {
    return {
      code: 'given',
      message: `names like ${host} are given to apps by the environments on this machine`,
      hint: 'choose another name, e.g. one under a domain of your own',
    }
  }
  if (certificate === undefined) return null
  return {
    code: 'plain',
    message: `apps on this machine are served in plain HTTP, so the certificate ${certificate} has no use for ${host}`,
    hint: `leave --certificate out; a proxy with the certificate may lead ${host} to ${edge}, Host header as it is`,
  }
}

/** `served`: hosts that were asked for and that the runner has taken over. */
export function seenDomains(served: readonly string[], observation: Observation): SeenDomain[] {
  const edge = observation.addresses.public.find((url) => new URL(url).hostname !== LOOPBACK)
  const port = edge === undefined ? '' : `:${new URL(edge).port}`
  const [problem] = edge === undefined ? (observation.problems ?? []) : []
  return served.map((host) => ({
    host,
    url: `http://${host}${port}`,
    isTaken: edge !== undefined,
    entrances: [LOOPBACK, ...ownAddresses()],
    expiresAt: null,
    problems: problem ? [problem] : [],
  }))
}

/** A proxy on this machine may be what the name leads to. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .map(({ address }) => address)
    .filter((address) => address !== LOOPBACK)
}
