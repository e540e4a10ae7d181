/** Who is led to the hop, and since when: by what the cluster says of Services and routes, not by what was asked for. */
import type { Mirror } from '../mirror.ts'
import { LABEL } from '../names.ts'
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

export function createLed(
  mirror: Mirror,
  name: string,
  around: Surroundings,
  /** Milliseconds that a Gateway may take from saying that it has a route to obeying it. */
  routeLag: number,
): Led {
  const ledAt = new Map<string, number>()
  /** Since when the Gateway says that it leads here, and somebody is here, by host. */
  const openSince = new Map<string, number>()

  function calls(app: string): boolean {
    const service = mirror.members.Service.get(app) as { spec?: { selector?: Record<string, string> } } | null
    return service?.spec?.selector?.[LABEL.app] === name
  }

  function edge(app: string): boolean {
    const route = mirror.routes.get(app) as {
      spec?: { rules?: { backendRefs?: { name: string }[] }[] }
    } | null
    const rules = route?.spec?.rules ?? []
    return rules.some(({ backendRefs }) => backendRefs?.some((one) => one.name === name))
  }

  function openHosts(apps: readonly string[], routes: Places): Set<string> {
    const isAnybodyHere = mirror.pods
      .all()
      .some((pod) => pod.metadata.labels?.[LABEL.app] === name && isReady(pod))
    if (!isAnybodyHere) return new Set()
    const names = new Set([...apps, ...Object.values(routes).map((route) => `${name}-${route}`)])
    const accepted = [...names].map((one) => mirror.routes.get(one)).filter(isAccepted)
    return new Set(
      accepted.flatMap(
        (route) => (route as { spec?: { hostnames?: string[] } } | null)?.spec?.hostnames ?? [],
      ),
    )
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
      const open = openHosts(edges, routes)
      for (const host of openSince.keys()) if (!open.has(host)) openSince.delete(host)
      for (const host of open) if (!openSince.has(host)) openSince.set(host, now)
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
      const since = openSince.get(`${label}.${around.domain}`)
      return since !== undefined && Date.now() - since >= routeLag
    },
    changesAt: () => [
      ...[...ledAt.values()].map((at) => at + LINGER_MS),
      ...[...openSince.values()].map((at) => at + routeLag),
    ],
    forget() {
      ledAt.clear()
      openSince.clear()
    },
  }
}
