/** Who is led to the hop, and since when: by what the cluster says of Services and routes, not by what was asked for. */
import type { Route } from '../cluster/objects.ts'
import type { Mirror } from '../mirror.ts'
import { LABEL } from '../names.ts'
import { beginMove, followMove, type Move, OTHERS_MILLISECONDS, obeyedAt } from '../observe/gateway.ts'
import { isAccepted } from '../observe/observation.ts'
import { isReady } from '../observe/pods.ts'
import type { Surroundings } from '../render/values.ts'
import type { Places } from './ports.ts'
import type { HopView } from './view.ts'

export interface Led {
  /** An earlier process may have led them here until a moment ago. */
  begin(services: readonly string[]): void
  /** Looks at everything once. `routes`: those of hosts of spaces. */
  look(view: HopView, routes: Places, now: number): void
  /** Services whose callers may still come, also where they are led elsewhere since. Null where nobody at all may come. */
  services(now: number): string[] | null
  /** Those of them that nobody is led to any more. */
  left(services: Iterable<string>, now: number): string[]
  calls(app: string): boolean
  edge(app: string): boolean
  /** Whoever comes by the host of this name gets here: the Gateway has said so and has had the time to obey. */
  isOpen(label: string): boolean
  /** When any of this changes by itself, in milliseconds since the epoch. */
  changesAt(): number[]
  forget(): void
}

/** How long whoever was led through the hop may go on coming: kube-proxies, Gateways and kept connections. */
const LINGER_MS = 30_000
/** Whoever comes by a host. */
const EDGE = '*'

interface LedRoute extends Route {
  spec?: { hostnames?: string[]; rules?: { backendRefs?: { name: string }[] }[] }
}

interface Way {
  hosts: string[]
  askedAt: number
  /** Null before the Gateway has said that it leads here. */
  move: Move | null
}

export function createLed(
  mirror: Mirror,
  name: string,
  around: Surroundings,
  /** Milliseconds that a Gateway may take from saying that it has a route to obeying it. */
  routeLag: number,
): Led {
  const ledAt = new Map<string, number>()
  /** Routes that lead here, as they are now: when that was asked for, and since when the Gateway says that it does. */
  let ways = new Map<string, Way>()
  /** Since when somebody is here; null while nobody is. */
  let hereSince: number | null = null

  function calls(app: string): boolean {
    const service = mirror.members.Service.get(app) as { spec?: { selector?: Record<string, string> } } | null
    return service?.spec?.selector?.[LABEL.app] === name
  }

  function edge(app: string): boolean {
    const rules = (mirror.routes.get(app) as LedRoute | null)?.spec?.rules ?? []
    return rules.some(({ backendRefs }) => backendRefs?.some((one) => one.name === name))
  }

  function lookAtRoutes(apps: readonly string[], routes: Places, now: number): void {
    const names = new Set([...apps, ...Object.values(routes).map((route) => `${name}-${route}`)])
    const all = mirror.routes.all()
    const before = ways
    ways = new Map(
      [...names].flatMap((one): [string, Way][] => {
        const route = mirror.routes.get(one) as LedRoute | null
        if (!route) return []
        // As it was before it was changed, the Gateway may have obeyed it for long.
        const key = `${route.metadata.uid}/${route.metadata.generation}`
        const { askedAt = now, move: known = null } = before.get(key) ?? {}
        const move = known ? followMove(known, all, now) : beginMove({ key, askedAt }, all, now)
        return [[key, { hosts: route.spec?.hostnames ?? [], askedAt, move: isAccepted(route) ? move : null }]]
      }),
    )
  }

  /** Null where that is not known yet. */
  function opensAt({ move }: Way): number | null {
    return move === null || hereSince === null
      ? null
      : Math.max(obeyedAt(move, routeLag), hereSince + routeLag)
  }

  return {
    begin(services) {
      for (const key of [...services, EDGE]) ledAt.set(key, Date.now())
    },
    look(view, routes, now) {
      for (const [key, { app }] of Object.entries(view.table.services)) {
        if (view.overridden.has(key) || calls(app)) ledAt.set(key, now)
      }
      const apps = Object.values(view.table.services).map(({ app }) => app)
      const edges = apps.filter(edge)
      if (view.isNeeded || edges.length > 0) ledAt.set(EDGE, now)
      const isHere = mirror.pods
        .all()
        .some((pod) => pod.metadata.labels?.[LABEL.app] === name && isReady(pod))
      hereSince = isHere ? (hereSince ?? now) : null
      lookAtRoutes(edges, routes, now)
    },
    services(now) {
      const led = [...ledAt].filter(([, at]) => now - at < LINGER_MS).map(([key]) => key)
      return led.length === 0 ? null : led.filter((key) => key !== EDGE)
    },
    left: (services, now) => [...services].filter((key) => ledAt.get(key) !== now),
    calls,
    edge,
    isOpen(label) {
      // Without a Gateway nobody comes by a host.
      if (around.domain === null || around.gateways.length === 0) return true
      const way = [...ways.values()].find(({ hosts }) => hosts.includes(`${label}.${around.domain}`))
      const at = way ? opensAt(way) : null
      return at !== null && Date.now() >= at
    },
    changesAt: () => [
      ...[...ledAt.values()].map((at) => at + LINGER_MS),
      ...[...ways.values()].flatMap((way) => {
        const at = opensAt(way)
        return at === null ? [] : Number.isFinite(at) ? at : Date.now() + OTHERS_MILLISECONDS
      }),
    ],
    forget() {
      ledAt.clear()
      ways.clear()
      hereSince = null
    },
  }
}
