/**
 * The hop of a namespace: routers of its own that calls and edges lead through where spaces need it, and only as long as
 * they do. What it should be follows from the records of targets, so it keeps nothing but who was given which place.
 * On the way in routers know before anybody is led to them; on the way out they serve on until nobody is.
 */
import {
  documentOf,
  HOP_PORTS,
  type HopReport,
  type HopTable,
  REPORT_MS,
} from '../../../router/hop/protocol.ts'
import type { Demand, Passes, Problem, Target } from '../../engine.ts'
import type { Cluster } from '../cluster/connect.ts'
import { hasStatus } from '../cluster/connect.ts'
import { objectPath } from '../cluster/kinds.ts'
import type { ImageSource } from '../images.ts'
import { isLanded, land } from '../land.ts'
import { type Holder, isHeldBy, takeLease } from '../lease.ts'
import { inWords } from '../messages.ts'
import type { Mirror } from '../mirror.ts'
import { hopName, LABEL, nameOf, recordName, sha256 } from '../names.ts'
import { isReady } from '../observe/pods.ts'
import { ROUTER } from '../programs.ts'
import type { Surroundings, Ways } from '../render/values.ts'
import type { Stored } from '../stored.ts'
import { createTalks } from '../streams/talk.ts'
import { createLed } from './led.ts'
import { hopObjects } from './objects.ts'
import { passesOf } from './passes.ts'
import { givePorts, giveRoutes } from './ports.ts'
import { type KeptTable, readTable, removeTable, writeTable } from './table-secret.ts'
import { type HopView, isStopped, type SeenSet, serviceKey, takesTraffic, viewOf, wishOf } from './view.ts'

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
  /** Nothing is decided before. */
  ready: Promise<void>
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
  /** The routers do what this asks of them, or nobody asks them. */
  isTold(stored: Stored): boolean
  demand(target: Target): Demand | undefined
  /** Whether the app passes on in which space it was asked, as far as calls lead through here. */
  passes(target: Target): Passes | undefined
  problem(): Problem | null
  close(): void
}

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
  /** What routers were last told, and what targets wish in it. */
  let told: { table: HopTable; wishes: HopView['wishes'] } | null = null
  let image: string | null = null
  let problem: Problem | null = null
  let isOurs = false
  let running = false
  let again = false
  let closed = false
  let timer: NodeJS.Timeout | null = null
  let said = ''
  const led = createLed(mirror, name, around, parts.routeLag)
  const talks = createTalks<HopReport>({
    cluster,
    port: HOP_PORTS.control,
    reportMs: REPORT_MS,
    changed() {
      kick()
      parts.heard()
    },
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
          await parts.ready
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
    led.look(view, kept?.routes ?? {}, now)
    const services = led.services(now)
    if (services === null) return takeDown()
    const ports = givePorts(kept?.table.ports ?? {}, services)
    const routes = view.isNeeded ? giveRoutes(kept?.routes ?? {}, view.hosts) : {}
    const left = led.left(Object.keys(ports), now)
    const version = sha256(JSON.stringify([view.table, ports, left])).slice(0, 16)
    const table: HopTable = { version, table: view.table, ports, left }
    await holdLease()
    told = { table, wishes: view.wishes }
    talks.tell(pods(), documentOf(table))
    const next = { table, routes }
    if (JSON.stringify(next) !== JSON.stringify(kept)) {
      await writeTable(cluster, { name: tableName, hop: name, platform: holder.platform }, next)
      kept = next
    }
    image ??= await parts.images.program(ROUTER)
    await bring(
      hopObjects({ name, namespace: cluster.namespace, image, table: tableName, ports, routes }, around),
    )
    const ends = [...led.changesAt(), ...view.swaps.values()].filter((at) => at > now)
    wakeIn(Math.min(...ends) - now + 10)
  }

  /** What an earlier process left: it may have led somebody here until a moment ago. */
  async function begin(): Promise<KeptTable | null> {
    const found = await readTable(cluster, tableName)
    if (!found) return null
    led.begin(Object.keys(found.table.ports))
    return found
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
    led.forget()
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
      calls: calls && (isSure || led.calls(target.app)) ? { name, port } : null,
      edge: edge && (isSure || led.edge(target.app)) ? name : null,
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
    if (!below || !takesTraffic(below)) return led.isOpen(nameOf(target))
    const isSwapped = ways(below.target).edge !== null && !below.desired.closed
    return (
      led.calls(target.app) && led.isOpen(nameOf(target)) && (!isSwapped || led.isOpen(nameOf(below.target)))
    )
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
      if (!takesTraffic(stored) && !isStopped(stored)) return true
      if (told?.wishes.get(nameOf(target)) !== wishOf(stored)) return false
      if (target.space === undefined) return isConfirmed() || !pods().some(isReady)
      // Routers that start while nobody is there to tell them know of it too.
      const isKnown = isConfirmed() && kept?.table.version === told.table.version
      // Whoever is to be led here is; to a copy that was stopped nobody is, and an app that is nowhere else has no host.
      return isKnown && (isStopped(stored) || isLed(target))
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
    passes(target) {
      const space = target.space ?? ''
      return passesOf(
        pods().flatMap((pod) => talks.heard(pod)?.report?.calls?.[serviceKey(target)]?.[space] ?? []),
      )
    },
    problem: () => problem,
    close() {
      closed = true
      if (timer) clearTimeout(timer)
      talks.close()
    },
  }
}

const STRAIGHT: Ways = { calls: null, edge: null, spaces: false }
