/** What is seen of a domain: the route, the Gateways and the certificate, put together in the words of the port. Pure. */
import type { Problem, SeenDomain, WantedDomain } from '../../engine.ts'
import type { Condition, Route } from '../cluster/objects.ts'
import { isAccepted, routeProblem } from '../observe/observation.ts'
import type { CertificateFacts } from './certificate.ts'
import { type Gateway, listenerFor, listenerName, listenersTaking, patchCommand } from './listeners.ts'
import type { Outcome, Place } from './own-listeners.ts'

export interface DomainFacts {
  domain: WantedDomain
  namespace: string
  url: string
  route: Route | null
  gateways: { place: Place; there: Gateway | null; outcome: Outcome }[]
  certificate: CertificateFacts | null
}

export function seeDomain(facts: DomainFacts): SeenDomain {
  const { domain, url, route, gateways, certificate } = facts
  const listening = gateways.map((gateway) => see(gateway, facts))
  const wrong = [
    routeProblem(route),
    certificate?.problem,
    ...listening.map(({ problem }) => problem),
  ].filter((problem) => problem != null)
  return {
    ...{ host: domain.host, url },
    isTaken: isRouted(route, domain.host) && all(listening.map(({ isOpen }) => isOpen)),
    entrances: [
      ...new Set(gateways.flatMap(({ there }) => there?.status?.addresses?.map(({ value }) => value) ?? [])),
    ],
    expiresAt: certificate?.expiresAt ?? null,
    problems: wrong,
  }
}

/** False wins over not knowing. */
function all(answers: readonly (boolean | null)[]): boolean | null {
  if (answers.includes(false)) return false
  return answers.includes(null) ? null : true
}

function isRouted(route: Route | null, host: string): boolean {
  const { hostnames = [] } = (route as { spec?: { hostnames?: string[] } } | null)?.spec ?? {}
  return hostnames.includes(host) && isAccepted(route)
}

function see(
  { place, there, outcome }: DomainFacts['gateways'][number],
  { domain, namespace }: DomainFacts,
): { isOpen: boolean | null; problem: Problem | null } {
  const needsOwn = domain.certificate !== undefined
  if (!there) {
    if (!needsOwn) return { isOpen: true, problem: null }
    return { isOpen: null, problem: cannotBeSeen(place, domain, namespace) }
  }
  const taking = listenersTaking(there, domain, namespace)
  const exact = taking.find(({ hostname }) => hostname === domain.host) ?? taking[0]
  if (!exact) {
    if (needsOwn && outcome === null) return { isOpen: false, problem: null }
    return { isOpen: false, problem: notThere(place, there, domain, namespace, outcome) }
  }
  const conditions = there.status?.listeners?.find(({ name }) => name === exact.name)?.conditions ?? []
  const bad = conditions.find(
    ({ type, status }) =>
      (status === 'False' && ['Accepted', 'ResolvedRefs', 'Programmed'].includes(type)) ||
      (status === 'True' && type === 'Conflicted'),
  )
  if (bad) return { isOpen: false, problem: notAccepted(place, exact.name, bad) }
  return { isOpen: conditions.some(({ type }) => type === 'Accepted'), problem: null }
}

const shownPlace = ({ name, namespace }: Place) => `${namespace}/${name}`

/** What its owner is asked for: the listener itself, or the right to make it. */
function forItsOwner(place: Place, there: Gateway | null, domain: WantedDomain, namespace: string): string {
  const listener = listenerFor(domain, namespace, { namespace: place.namespace, there })
  const right = `helm template towpath charts/access -n ${namespace} --set gateway.name=${place.name} --set gateway.namespace=${place.namespace} --set user=... | kubectl apply -f -`
  const patch = `for its owner: ${patchCommand(place, listener)}`
  return domain.certificate === undefined ? patch : `${patch}\nor, so that Towpath does it: ${right}`
}

function cannotBeSeen(place: Place, domain: WantedDomain, namespace: string): Problem {
  return {
    code: 'gateway-unread',
    message: `the Gateway ${shownPlace(place)} may not be read from here, so nobody knows whether it listens for ${domain.host}`,
    hint: forItsOwner(place, null, domain, namespace),
  }
}

function notThere(
  place: Place,
  there: Gateway,
  domain: WantedDomain,
  namespace: string,
  outcome: Outcome,
): Problem {
  const { host, certificate } = domain
  const kind = certificate === undefined ? '' : 'over HTTPS '
  const why =
    outcome === null
      ? ''
      : outcome.isForbidden
        ? ', and may not be changed from here'
        : `: ${outcome.message}`
  return {
    code: 'no-listener',
    message: `the Gateway ${shownPlace(place)} does not listen ${kind}for ${host}${why}`,
    hint: forItsOwner(place, there, domain, namespace),
  }
}

function notAccepted(place: Place, name: string, { type, message, reason }: Condition): Problem {
  const whose = name.startsWith(listenerName('')) ? 'the listener' : `its listener ${name}`
  return {
    code: 'listener',
    message: `the Gateway ${shownPlace(place)} does not accept ${whose}: ${message || reason || type}`,
    hint: `kubectl -n ${place.namespace} get gateway ${place.name} -o yaml`,
  }
}
