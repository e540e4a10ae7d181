/**
 * What lies over an environment: its own services and the copies that spaces have of them, put together as one table.
 * Pure. Sets of a space get names that no set of the environment, and of no other space, can have.
 */
import type { Overlay, SpaceDoor } from '../api/overlay.ts'
import type { SplitRule } from '../api/split.ts'
import type { Service, ServiceSet, SpaceEntry } from './table.ts'

/** An app's copy in a space, as it was asked for. Its sets and its split name sets by their own ids. */
export interface Copy {
  app: string
  space: string
  /** None where it was stopped: its links lead on, and what is asked falls through. */
  sets: Record<string, ServiceSet>
  /** How its sets share what comes; a rule with a match means nothing here. */
  split: SplitRule[]
  overlay: Overlay
  maintenance?: { message: string }
}

/** How a set of a space is called in a service's table; no id holds a slash. */
export function setOfSpace(space: string, set: string): string {
  return `${space}/${set}`
}

/** The services of one environment, by app: those that it has itself, and those that spaces alone have. */
export function overlay(
  environment: string,
  own: readonly Service[],
  copies: readonly Copy[],
  hostsOf: (app: string, space: string) => string[],
): Record<string, Service> {
  const sorted = copies.toSorted((one, other) => (one.space < other.space ? -1 : 1))
  const spaces = [...Map.groupBy(sorted, (copy) => copy.space)]
  const services = new Map(own.map((service) => [service.app, service]))
  const answering = sorted.filter(({ sets }) => Object.keys(sets).length > 0)
  for (const { app } of answering) {
    if (!services.has(app)) services.set(app, { app, environment, hosts: [], sets: {}, split: [] })
  }
  const isOwn = new Set(own.map((service) => service.app))
  return Object.fromEntries(
    [...services].map(([app, service]) => {
      const here = answering.filter((copy) => copy.app === app)
      const entered = spaces.filter(([space]) => isOwn.has(app) || here.some((copy) => copy.space === space))
      if (entered.length === 0) return [app, service]
      const entries = entered.map(([space, mine]) => [space, entryOf(app, space, mine, hostsOf)])
      return [app, { ...withCopies(service, here), spaces: Object.fromEntries(entries) }]
    }),
  )
}

/** The copies' own rules come first, so that no space's requests are answered by another's swap; then swaps. */
function withCopies(service: Service, copies: readonly Copy[]): Service {
  const sets = copies.flatMap(({ space, sets }) =>
    Object.entries(sets).map(([id, set]) => [setOfSpace(space, id), { ...set, space }] as const),
  )
  const matching = copies.flatMap((copy) =>
    rulesOf(copy).map((rule): SplitRule => ({ ...rule, match: { space: copy.space } })),
  )
  const swaps = copies.flatMap((copy) => {
    const until = copy.overlay.swap?.until
    return until === undefined
      ? []
      : rulesOf(copy).map((rule) => ({ ...rule, until: Math.min(until, rule.until ?? until) }))
  })
  return {
    ...service,
    sets: { ...service.sets, ...Object.fromEntries(sets) },
    split: [...matching, ...swaps, ...service.split],
  }
}

/** A copy that serves nobody yet must not let its space's requests through to the environment: it is there. */
function rulesOf({ space, split }: Copy): SplitRule[] {
  const own = split.filter((rule) => rule.match === undefined)
  return (own.length > 0 ? own : [{ weights: {} }]).map((rule) => ({
    ...rule,
    weights: Object.fromEntries(
      Object.entries(rule.weights).map(([id, weight]) => [setOfSpace(space, id), weight]),
    ),
    hold: true,
  }))
}

function entryOf(
  app: string,
  space: string,
  copies: readonly Copy[],
  hostsOf: (app: string, space: string) => string[],
): SpaceEntry {
  // The app's own copy is asked first; where the space has none, any other: all of a space are told the same.
  const mine = copies.find((copy) => copy.app === app)
  const told = [...(mine ? [mine] : []), ...copies]
  const door = doorOf(told)
  const banner = told.find((copy) => copy.overlay.banner)?.overlay.banner
  return {
    hosts: hostsOf(app, space),
    ...(door ? { door } : {}),
    ...(banner ? { banner } : {}),
    ...(mine?.maintenance ? { maintenance: mine.maintenance } : {}),
  }
}

/** While some of a space's targets know more than others, the strictest counts. */
function doorOf(copies: readonly Copy[]): SpaceDoor | undefined {
  const doors = copies.flatMap((copy) => copy.overlay.door ?? [])
  const [first] = doors
  return first && { key: first.key, revoked: [...new Set(doors.flatMap((door) => door.revoked))] }
}
