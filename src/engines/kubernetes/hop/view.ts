/** What lies over the environments of a namespace, in the words of the router: from records and what is seen. Pure. */
import { type Copy, overlay } from '../../../router/overlay.ts'
import type { RouteTable, Service, ServiceSet } from '../../../router/table.ts'
import type { Problem, Target } from '../../engine.ts'
import { nameOf } from '../names.ts'
import { WEB } from '../plan.ts'
import { type Stored, setsOf } from '../stored.ts'

/** What is seen of one set. */
export interface SeenSet {
  /** Of the set's own Service; null until it has one. */
  address: string | null
  ready: number
  /** Its process has ended in place, and waits for the next change. */
  hasEnded: boolean
  /** Why it will not come up by itself. */
  problem(): Problem | null
}

export interface ViewFacts {
  /** Of every target in the namespace. */
  stored: readonly Stored[]
  seen(target: Target, set: string): SeenSet
  /** Apps are entered at `<app>.<domain>`, and by a space's name at `<app>--<space>.<domain>`. */
  domain: string | null
}

export interface HopView {
  /** Whether any space lies over anything here. */
  isNeeded: boolean
  /** Those that some space lies over. */
  environments: ReadonlySet<string>
  table: RouteTable
  /** Keys of services that some space has a copy of. */
  overridden: ReadonlySet<string>
  /** When the environment's traffic goes back to it, by the key of the service; milliseconds since the epoch. */
  swaps: ReadonlyMap<string, number>
  /** Hosts that lead into spaces. */
  hosts: string[]
  /** By name of a target, what of its wish the table says. */
  wishes: ReadonlyMap<string, string>
}

export const serviceKey = ({ environment, app }: Target) => `${environment}/${app}`

export function viewOf({ stored, seen, domain }: ViewFacts): HopView {
  const there = stored.filter((one) => takesTraffic(one) || isStopped(one))
  const copies = there.filter(({ target }) => target.space !== undefined)
  const services: RouteTable['services'] = {}
  for (const [environment, here] of Map.groupBy(there, ({ target }) => target.environment)) {
    const own = here.filter(({ target }) => target.space === undefined)
    const over = here.filter(({ target }) => target.space !== undefined)
    const laid = overlay(
      environment,
      own.map((one) => serviceOf(one, seen, domain)),
      over.map((one) => copyOf(one, seen)),
      (app, space) => hostsOf({ app, environment, space }, domain),
    )
    for (const [app, service] of Object.entries(laid)) services[`${environment}/${app}`] = service
  }
  return {
    isNeeded: copies.length > 0,
    environments: new Set(copies.map(({ target }) => target.environment)),
    table: { services },
    overridden: new Set(copies.filter(takesTraffic).map(({ target }) => serviceKey(target))),
    swaps: new Map(
      copies.flatMap(({ target, desired }) =>
        desired.overlay?.swap ? [[serviceKey(target), desired.overlay.swap.until] as const] : [],
      ),
    ),
    hosts: Object.values(services).flatMap(({ spaces }) =>
      Object.values(spaces ?? {}).flatMap(({ hosts }) => hosts),
    ),
    wishes: new Map(there.map((one) => [nameOf(one.target), wishOf(one)])),
  }
}

/** What routers are asked by a target: who gets its requests, and who is let in. */
export function wishOf({ split, desired }: Stored): string {
  return JSON.stringify([split, desired.closed ?? null, desired.overlay ?? null, desired.domains ?? []])
}

export function takesTraffic(stored: Stored): boolean {
  const { removed, generation } = stored
  return !removed && generation > 0 && setsOf(stored).some((set) => set.processes[WEB] !== undefined)
}

/** A copy that its owner stopped: its links lead here as before, and it answers nobody. */
export const isStopped = ({ target, removed, generation, desired }: Stored): boolean =>
  target.space !== undefined && !removed && generation > 0 && desired.sets.length === 0

function hostsOf(target: Target, domain: string | null): string[] {
  return domain === null ? [] : [`${nameOf(target)}.${domain}`]
}

type Seen = ViewFacts['seen']

function serviceOf(stored: Stored, seen: Seen, domain: string | null): Service {
  const { target, desired } = stored
  return {
    app: target.app,
    environment: target.environment,
    hosts: [...hostsOf(target, domain), ...(desired.domains ?? []).map(({ host }) => host)],
    sets: serviceSets(stored, seen),
    split: stored.split,
    ...(desired.closed ? { maintenance: { message: '' } } : {}),
  }
}

function copyOf(stored: Stored, seen: Seen): Copy {
  const { target, desired } = stored
  return {
    app: target.app,
    space: target.space as string,
    sets: isStopped(stored) ? {} : serviceSets(stored, seen),
    split: stored.split,
    overlay: desired.overlay ?? {},
    ...(desired.closed ? { maintenance: { message: '' } } : {}),
  }
}

function serviceSets(stored: Stored, seen: Seen): Record<string, ServiceSet> {
  const isCopy = stored.target.space !== undefined
  return Object.fromEntries(
    setsOf(stored)
      .filter((set) => set.processes[WEB] !== undefined)
      .map((set) => {
        const found = seen(stored.target, set.id)
        const id = `${nameOf(stored.target)}/${set.id}`
        const endpoints = found.address === null ? [] : [{ id, host: found.address, port: 80 }]
        // The cluster knows who is ready behind an address; where it is said that nobody is, it need not be tried.
        // It is tried all the same: whoever mended it knows that before this is told.
        if (isCopy && found.hasEnded) return [set.id, { endpoints, state: 'crashed' }]
        if (!isCopy || found.ready > 0) return [set.id, { endpoints, state: 'up' }]
        if (set.processes[WEB]?.count === 0) return [set.id, { endpoints: [], state: 'asleep' }]
        const problem = found.problem()
        if (!problem) return [set.id, { endpoints: [], state: 'starting' }]
        return [set.id, { endpoints: [], state: 'crashed', problem: problem.message }]
      }),
  )
}
