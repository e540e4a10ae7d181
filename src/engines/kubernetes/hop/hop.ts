/**
 * The hop of a namespace: routers of its own that calls and edges lead through where spaces need it, and only as long as
 * they do. What it should be follows from the records of targets, so it keeps nothing but who was given which place.
 * On the way in routers know before anybody is led to them; on the way out they serve on until nobody is.
 */
import type { HopTable } from '../../../router/hop/protocol.ts'
import type { Demand, Problem, Target } from '../../engine.ts'
import type { Cluster } from '../cluster/connect.ts'
import { hasStatus } from '../cluster/connect.ts'
import { objectPath } from '../cluster/kinds.ts'
import type { ImageSource } from '../images.ts'
import { isLanded, land } from '../land.ts'
import { type Holder, isHeldBy, takeLease } from '../lease.ts'
import { inWords } from '../messages.ts'
import type { Mirror } from '../mirror.ts'
import { hopName, LABEL, nameOf, recordName, sha256 } from '../names.ts'
import { isAccepted } from '../observe/observation.ts'
import { isReady } from '../observe/pods.ts'
import { ROUTER } from '../programs.ts'
import type { Surroundings, Ways } from '../render/values.ts'
import type { Stored } from '../stored.ts'
import { hopObjects } from './objects.ts'
import { givePorts, giveRoutes } from './ports.ts'
import { type KeptTable, readTable, removeTable, writeTable } from './table-secret.ts'
import { createTalks } from './talk.ts'
import { type HopView, type SeenSet, serviceKey, takesTraffic, viewOf } from './view.ts'

export interface HopParts {
  cluster: Cluster
  mirror: Mirror
  images: Pick<ImageSource, 'program'>
  around: Surroundings
  holder: Holder
  /** Milliseconds that a Gateway may take from saying that it has a route to obeying it. */
  routeLag: number
  stored(): Stored[]
  seen(target: Target, set: string): SeenSet
  /** Where targets are to lead whom has changed. */
  changed: () => void
  /** Routers told something of what spaces are asked. */
  heard: () => void
}

export interface Hop {
  kick(): void
  /** This process was told what to run: whoever looked after the hop lets go. */
  claim(): void
  ways(target: Target): Ways
  /** The routers share requests in this way, or nobody asks them. */
  isTold(stored: Stored): boolean
  demand(target: Target): Demand | undefined
  problem(): Problem | null
  close(): void
}

/** How long whoever was led through the hop may go on coming: kube-proxies, Gateways and kept connections. */
const LINGER_MS = 30_000
/** A router that was not heard of for so long is none that anybody waits for. */
const GIVEN_UP_MS = 30_000
const RETRY_MS = 2000

export function createHop(parts: HopParts): Hop {
  const { cluster, mirror, around, holder } = parts
  const name = hopName(holder.platform)
  const self: Target = { app: name, environment: '' }
  const tableName = recordName(self)
  let view: HopView | null = null
  let kept: KeptTable | null | undefined
  /** What routers were last told, and how the splits of targets stand in it. */
  let told: { table: HopTable; splits: HopView['splits'] } | null = null
  let image: string | null = null
  let problem: Problem | null = null
  let isOurs = false
  let running = false
  let again = false
  let closed = false
  let timer: NodeJS.Timeout | null = null
  let said = ''
  /** When somebody was last led through the hop, by the key of the service; `edge` by hosts. */
  const ledAt = new Map<string, number>()
  /** Since when the Gateway says that it leads here, and somebody is here, by host. */
  const openSince = new Map<string, number>()
  const talks = createTalks(cluster, () => {
    kick()
    parts.heard()
  })

  const pods = () => mirror.pods.all().filter((pod) => pod.metadata.labels?.[LABEL.app] === name)

  function kick(): void {
    again = true
    if (running || closed) return
    running = true
    setImmediate(async () => {
      while (again && !closed) {
        again = false
        try {
          await mirror.synced
          await step()
          problem = null
        } catch (error) {
          const { message } = inWords(error, 'the router of spaces')
          problem = {
            code: 'router',
            message: `the router of spaces is not as it should be: ${message}`,
          }
          wakeIn(RETRY_MS)
        }
        tellTargets()
      }
      running = false
    })
  }

  function wakeIn(milliseconds: number): void {
    if (timer) clearTimeout(timer)
    timer = setTimeout(kick, Math.min(milliseconds, 60_000)).unref()
  }

  async function step(): Promise<void> {
    view = viewOf({ stored: parts.stored(), seen: parts.seen, domain: around.domain })
    kept ??= kept === undefined ? await begin() : null
    const now = Date.now()
    remember(view, now)
    const isLed = (key: string) => now - (ledAt.get(key) ?? 0) < LINGER_MS
    const led = [...ledAt.keys()].filter(isLed)
    if (led.length === 0) return takeDown()
    const ports = givePorts(
      kept?.table.ports ?? {},
      led.filter((key) => key !== EDGE),
    )
    const routes = view.isNeeded ? giveRoutes(kept?.routes ?? {}, view.hosts) : {}
    const left = Object.keys(ports).filter((key) => ledAt.get(key) !== now)
    const version = sha256(JSON.stringify([view.table, ports, left])).slice(0, 16)
    const table: HopTable = { version, table: view.table, ports, left }
    await holdLease()
    told = { table, splits: view.splits }
    talks.tell(pods(), table)
    const next = { table, routes }
    if (JSON.stringify(next) !== JSON.stringify(kept)) {
      await writeTable(cluster, { name: tableName, hop: name, platform: holder.platform }, next)
      kept = next
    }
    image ??= await parts.images.program(ROUTER)
    await bring(
      hopObjects({ name, namespace: cluster.namespace, image, table: tableName, ports, routes }, around),
    )
    const ends = [...ledAt.values()].map((at) => at + LINGER_MS)
    const until = [...view.swaps.values(), ...[...openSince.values()].map((at) => at + parts.routeLag)]
    wakeIn(Math.min(...[...ends, ...until].filter((at) => at > now)) - now + 10)
  }

  /** What an earlier process left: it may have led somebody here until a moment ago. */
  async function begin(): Promise<KeptTable | null> {
    const found = await readTable(cluster, tableName)
    if (!found) return null
    for (const key of [...Object.keys(found.table.ports), EDGE]) ledAt.set(key, Date.now())
    return found
  }

  function remember(seen: HopView, now: number): void {
    for (const key of Object.keys(seen.table.services)) {
      if (seen.overridden.has(key) || callsLeadHere(key.slice(key.indexOf('/') + 1))) ledAt.set(key, now)
    }
    const edges = Object.values(seen.table.services).filter(({ app }) => edgeLeadsHere(app))
    if (seen.isNeeded || edges.length > 0) ledAt.set(EDGE, now)
    const open = new Set(pods().some(isReady) ? openHosts(edges.map(({ app }) => app)) : [])
    for (const host of openSince.keys()) if (!open.has(host)) openSince.delete(host)
    for (const host of open) if (!openSince.has(host)) openSince.set(host, now)
  }

  function openHosts(apps: readonly string[]): string[] {
    const own = apps.map((app) => mirror.routes.get(app))
    const ofSpaces = Object.values(kept?.routes ?? {}).map((route) => mirror.routes.get(`${name}-${route}`))
    return [...new Set([...own, ...ofSpaces])]
      .filter(isAccepted)
      .flatMap((route) => (route as unknown as { spec: { hostnames?: string[] } }).spec.hostnames ?? [])
  }

  function callsLeadHere(app: string): boolean {
    const service = mirror.members.Service.get(app) as { spec?: { selector?: Record<string, string> } } | null
    return service?.spec?.selector?.[LABEL.app] === name
  }

  function edgeLeadsHere(app: string): boolean {
    const route = mirror.routes.get(app) as {
      spec?: { rules?: { backendRefs?: { name: string }[] }[] }
    } | null
    return (
      route?.spec?.rules?.some(({ backendRefs }) => backendRefs?.some((one) => one.name === name)) === true
    )
  }

  async function bring(objects: Parameters<typeof land>[2]['objects']): Promise<void> {
    const landing = { target: self, generation: 1, objects }
    if (isLanded(mirror, landing, cluster.namespace)) return
    await land(cluster, mirror, { ...landing, confirm: async () => true })
  }

  async function takeDown(): Promise<void> {
    if (kept === null && !isOurs) return
    await bring([])
    talks.close()
    if (pods().length > 0) return
    await removeTable(cluster, tableName)
    await cluster.request('DELETE', objectPath('Lease', cluster.namespace, tableName)).catch((error) => {
      if (!hasStatus(error, 404)) throw error
    })
    kept = null
    told = null
    isOurs = false
    ledAt.clear()
  }

  /** As of a target: taken once, and never again after another process has taken it. */
  async function holdLease(): Promise<void> {
    const lease = mirror.leases.get(tableName)
    if (isOurs && lease && !isHeldBy(lease, holder))
      throw new Error('another platform process looks after it')
    if (isOurs) return
    mirror.leases.put(await takeLease(cluster, self, holder))
    isOurs = true
  }

  /** Every router that anybody may be led to acts on the table that is in force. */
  function isConfirmed(): boolean {
    const now = Date.now()
    const ready = pods()
      .filter(isReady)
      .map((pod) => talks.heard(pod))
      .filter((heard) => heard?.silentSince == null || now - heard.silentSince < GIVEN_UP_MS)
    return ready.length > 0 && ready.every((heard) => heard?.report?.version === told?.table.version)
  }

  function ways(target: Target): Ways {
    if (!view || target.space !== undefined) return STRAIGHT
    const key = serviceKey(target)
    const port = told?.table.ports[key]
    const calls = view.overridden.has(key) && port !== undefined
    const edge = (view.swaps.get(key) ?? 0) > Date.now()
    const isSure = isConfirmed()
    return {
      calls: calls && (isSure || callsLeadHere(target.app)) ? { name, port } : null,
      edge: edge && (isSure || edgeLeadsHere(target.app)) ? name : null,
      spaces: view.environments.has(target.environment),
    }
  }

  /**
   * Whoever is to find the copy does: by its host, by calls where the environment has the app, and by the environment's own
   * host while the copy takes its whole traffic.
   */
  function isLed(target: Target): boolean {
    const key = serviceKey(target)
    const below = parts
      .stored()
      .find((one) => one.target.space === undefined && serviceKey(one.target) === key)
    if (!below || !takesTraffic(below)) return isOpen(nameOf(target))
    const isSwapped = ways(below.target).edge !== null && !below.desired.closed
    return callsLeadHere(target.app) && isOpen(nameOf(target)) && (!isSwapped || isOpen(nameOf(below.target)))
  }

  /** The Gateway has said so and has had the time to obey; without one nobody comes by a host. */
  function isOpen(label: string): boolean {
    if (around.domain === null || around.gateways.length === 0) return true
    const since = openSince.get(`${label}.${around.domain}`)
    return since !== undefined && Date.now() - since >= parts.routeLag
  }

  /** Nothing is said where nothing has changed: whoever is told looks at everything of theirs. */
  function tellTargets(): void {
    const targets = parts.stored().map(({ target }) => target)
    const now = JSON.stringify([
      targets.map(ways),
      targets.map(isLed),
      isConfirmed(),
      told?.table.version,
      kept?.table.version,
      problem,
    ])
    if (now === said) return
    said = now
    parts.changed()
  }

  return {
    kick,
    claim() {
      isOurs = false
    },
    ways,
    isTold(stored) {
      if (!view) return true
      const { target } = stored
      const asks = target.space !== undefined || view.environments.has(target.environment)
      if (!asks) return true
      if (!takesTraffic(stored)) return true
      if (told?.splits.get(nameOf(target)) !== JSON.stringify(stored.split)) return false
      if (target.space === undefined) return isConfirmed() || !pods().some(isReady)
      // Routers that start while nobody is there to tell them know of it too, and whoever is to be led here is.
      return isConfirmed() && kept?.table.version === told.table.version && isLed(target)
    },
    demand(target) {
      const { space } = target
      if (space === undefined) return undefined
      const all = pods().flatMap((pod) => talks.heard(pod)?.report?.demand[serviceKey(target)]?.[space] ?? [])
      const last = Math.max(0, ...all.map(({ lastAskedAt }) => lastAskedAt ?? 0))
      return {
        lastAskedAt: last === 0 ? null : new Date(last).toISOString(),
        waiting: all.reduce((sum, { waiting }) => sum + waiting, 0),
      }
    },
    problem: () => problem,
    close() {
      closed = true
      if (timer) clearTimeout(timer)
      talks.close()
    },
  }
}

const EDGE = '*'
const STRAIGHT: Ways = { calls: null, edge: null, spaces: false }
