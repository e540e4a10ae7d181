/** Where a request goes: the one decision of the router. It reads the state and moves nothing but whose turn it is. */
import type { SplitRule } from '../api/split.ts'
import { type Failure, failures, type Where } from './pages.ts'
import { readCookie, ruleFor, stickTo, takeTurn } from './rules.ts'
import type { EndpointState, ServiceState, SetState } from './state.ts'

export interface Asking {
  space: string | null
  cookie: string | null
  /** Reads a header by its lower-case name. */
  header(name: string): string | null
  /** Endpoints that refused this request already. */
  refused: ReadonlySet<EndpointState>
}

export type Choice =
  /** `isHeld`: the rule would have let it wait. */
  | { kind: 'endpoint'; endpoint: EndpointState; setCookie: string | null; isHeld: boolean }
  /** The rule lets requests wait, for these sets; `until` is when it ends by itself. */
  | { kind: 'wait'; until: number | null; sets: SetState[] }
  | { kind: 'none'; failure: Failure }

const NOWHERE: Where = { space: null, problem: null }

export function choose(state: ServiceState, asking: Asking, now: number, newKey: () => string): Choice {
  const rule = ruleFor(state.service.split, asking.space, now)
  if (!rule) return { kind: 'none', failure: failures.nothingServes(state.service, NOWHERE) }
  const able: string[] = []
  for (const name in rule.weights) {
    const set = rule.weights[name]! > 0 ? state.sets.get(name) : undefined
    if (set?.endpoints.some((endpoint) => isAble(endpoint, asking.refused))) able.push(name)
  }
  if (!able.length) return nobody(state, rule, asking)
  const { name, setCookie } = pickSet(state, rule, able, asking, newKey)
  const endpoint = pickEndpoint(state.sets.get(name)!, asking.refused, now)
  return { kind: 'endpoint', endpoint, setCookie, isHeld: rule.hold === true }
}

const isAble = (endpoint: EndpointState, refused: ReadonlySet<EndpointState>) =>
  !endpoint.draining && !refused.has(endpoint)

function pickSet(
  state: ServiceState,
  rule: SplitRule,
  able: string[],
  asking: Asking,
  newKey: () => string,
): { name: string; setCookie: string | null } {
  const { sticky, weights } = rule
  if (sticky && 'header' in sticky) {
    const key = asking.header(sticky.header.toLowerCase())
    if (key) return { name: stickTo(key, weights, able), setCookie: null }
  } else if (sticky) {
    const known = readCookie(asking.cookie, sticky.cookie)
    const key = known ?? newKey()
    const setCookie = known ? null : `${sticky.cookie}=${key}; Path=/; HttpOnly; SameSite=Lax`
    return { name: stickTo(key, weights, able), setCookie }
  }
  if (able.length === 1) return { name: able[0]!, setCookie: null }
  const round = JSON.stringify([rule.match?.space, weights])
  let turns = state.turns.get(round)
  if (!turns) {
    turns = new Map()
    state.turns.set(round, turns)
  }
  return { name: takeTurn(turns, weights, able), setCookie: null }
}

/** The least busy; among equals in turn; one that just refused a connection only where there is no other. */
function pickEndpoint(set: SetState, refused: ReadonlySet<EndpointState>, now: number): EndpointState {
  const { endpoints } = set
  const count = endpoints.length
  let best: EndpointState | null = null
  for (let step = 0; step < count; step++) {
    const endpoint = endpoints[(set.turn + step) % count]!
    if (!isAble(endpoint, refused)) continue
    if (!best || isBetter(endpoint, best, now)) best = endpoint
  }
  set.turn = (endpoints.indexOf(best!) + 1) % count
  return best!
}

function isBetter(one: EndpointState, other: EndpointState, now: number): boolean {
  const suspect = Number(one.suspectUntil > now) - Number(other.suspectUntil > now)
  return suspect === 0 ? one.inFlight < other.inFlight : suspect < 0
}

/** A set that is on its way is waited for where the rule says so. What crashed comes up with its owner's help alone. */
function nobody(state: ServiceState, rule: SplitRule, asking: Asking): Choice {
  const { service } = state
  const names = Object.keys(rule.weights).filter((name) => rule.weights[name]! > 0)
  const sets = names.flatMap((name) => state.sets.get(name) ?? [])
  const isComing = names.some((name) => state.sets.get(name)?.state !== 'crashed')
  if (rule.hold && isComing) return { kind: 'wait', until: rule.until ?? null, sets }
  const crashed = sets.find((set) => set.state === 'crashed')
  const space = rule.match?.space ?? sets.find((set) => set.space !== null)?.space ?? null
  if (asking.refused.size && !(rule.hold && crashed))
    return { kind: 'none', failure: failures.refused(service) }
  const where: Where = { space, problem: crashed?.problem ?? null }
  if (sets.some((set) => set.state === 'starting'))
    return { kind: 'none', failure: failures.starting(service, where) }
  if (crashed) return { kind: 'none', failure: failures.crashed(service, where) }
  return { kind: 'none', failure: failures.nothingServes(service, where) }
}
