/**
 * The router's place in the runner: the shared edge, the ports of every target, and the table that says who is ready.
 * Each target has a port for people. Calls between apps have one per app and environment, where the baggage tells the
 * environment's own from the copies that spaces have.
 * A port that somebody else has taken is tried again, and said.
 */
import { type Copy, type Listener, overlay, type Router, type Service, setOfSpace } from '../router/router.ts'
import { appName, targetName } from './paths.ts'
import type { Addresses, Demand, Passes, Problem, Target } from './shapes.ts'
import type { Tables } from './tables.ts'
import { iso, nameOf, portStolen } from './words.ts'

export interface Doors {
  /** Opens the shared edge. */
  open(): Promise<void>
  /** Opens the ports of a target; again after a time where they are taken. */
  admit(target: Target): Promise<void>
  /** Where people and other apps reach the target; `problems` says which port is not ours now. */
  addresses(target: Target): { addresses: Addresses; problems: Problem[] }
  /** What the target would answer on, whether or not its ports are open. */
  plannedAddresses(target: Target): Promise<{ public: string[]; internal: string }>
  /** What the environment itself has of the app. */
  publish(target: Target, service: Service): void
  /** What a space has of it; null where its traffic is to go elsewhere from now on. */
  publishCopy(target: Target, copy: Copy | null): void
  drain(endpoint: string, withinMs: number): Promise<void>
  inFlight(target: Target, set: string): number
  /** Of a target with a space. */
  demand(target: Target): Demand
  /** Null: it was never asked in a space. */
  passes(target: Target): Passes | null
  dismiss(target: Target): Promise<void>
  edgeProblem(): Problem | null
  close(graceMs: number): Promise<void>
}

interface DoorState {
  port: number
  listener: Listener | null
  retry: NodeJS.Timeout | null
  closed: boolean
}

const RETRY = 2000
const HOST = '127.0.0.1'

/** `<environment>/<app>`, as the router names services: what spaces have of an app is of its service too. */
export function serviceName(target: Target): string {
  return `${target.environment}/${target.app}`
}

export function hostName(target: Target): string {
  return `${appName(target)}.${target.environment}.localhost`
}

/** `changed` is told when a port opens late or for the first time. */
export function createDoors(router: Router, tables: Tables, changed: () => void): Doors {
  /** By target: the environments' own, and what lies over them. */
  const own = new Map<string, Service>()
  const copies = new Map<string, Copy & { environment: string }>()
  /** By environment, then by the router's name of the service. */
  const services = new Map<string, Record<string, Service>>()
  /** By target. */
  const edges = new Map<string, DoorState>()
  /** By service. */
  const insides = new Map<string, DoorState>()
  /** By target; open ports or ports that are being opened. */
  const admissions = new Map<string, { target: Target; done: Promise<void> }>()
  let edge: DoorState | null = null

  function openDoor(
    port: number,
    listen: (port: number) => Promise<Listener>,
  ): { door: DoorState; tried: Promise<void> } {
    const door: DoorState = { port, listener: null, retry: null, closed: false }
    const attempt = async (): Promise<void> => {
      door.retry = null
      try {
        const listener = await listen(port)
        if (door.closed) await listener.close({ graceMs: 0 })
        else door.listener = listener
        changed()
      } catch {
        if (!door.closed) door.retry = setTimeout(attempt, RETRY).unref()
        changed()
      }
    }
    return { door, tried: attempt() }
  }

  async function closeDoor(door: DoorState, graceMs: number): Promise<void> {
    door.closed = true
    if (door.retry) clearTimeout(door.retry)
    await door.listener?.close({ graceMs })
  }

  async function admit(target: Target): Promise<void> {
    const ports = await tables.ports(target)
    const at = { service: serviceName(target), host: HOST }
    const space = target.space === undefined ? {} : { space: target.space }
    const opened = [
      openDoor(ports.public, (port) => router.listenService({ ...at, ...space, door: 'edge', port })),
    ]
    edges.set(targetName(target), opened[0]!.door)
    if (!insides.has(at.service)) {
      const inside = openDoor(ports.internal, (port) => router.listenService({ ...at, door: 'inside', port }))
      insides.set(at.service, inside.door)
      opened.push(inside)
    }
    await Promise.all(opened.map(({ tried }) => tried))
  }

  /** Puts together what one environment has and what spaces have over it, and tells the router. */
  function tellRouter(environment: string): void {
    const mine = [...own.values()].filter((service) => service.environment === environment)
    const over = [...copies.values()].filter((copy) => copy.environment === environment)
    const together = overlay(environment, mine, over, (app, space) => [hostName({ app, environment, space })])
    services.set(
      environment,
      Object.fromEntries(
        Object.entries(together).map(([app, service]) => [serviceName({ app, environment }), service]),
      ),
    )
    router.update({ services: Object.assign({}, ...services.values()) })
  }

  function setName(target: Target, set: string): string {
    return target.space === undefined ? set : setOfSpace(target.space, set)
  }

  const shared = (target: Target) => (edge ? [`http://${hostName(target)}:${edge.port}`] : [])

  return {
    async open() {
      const opened = openDoor(await tables.edgePort(), (port) => router.listenEdge({ host: HOST, port }))
      edge = opened.door
      await opened.tried
    },
    async admit(target) {
      const name = targetName(target)
      const asked = admissions.get(name) ?? { target, done: admit(target) }
      admissions.set(name, asked)
      await asked.done
    },
    addresses(target) {
      const mine = edges.get(targetName(target))
      const inside = insides.get(serviceName(target))
      const problems: Problem[] = []
      const open = (door: DoorState | undefined | null, what: string) => {
        if (door && door.listener === null) problems.push(portStolen(door.port, what))
        return door?.listener != null
      }
      const addresses: Addresses = {
        public: [
          ...(open(edge, 'the one that all apps share') ? shared(target) : []),
          ...(open(mine, `the one of ${nameOf(target)}`) ? [`http://${HOST}:${mine!.port}`] : []),
        ],
        internal: open(inside, `the one for calls to ${target.app} in ${target.environment}`)
          ? `http://${HOST}:${inside!.port}`
          : null,
      }
      return { addresses, problems }
    },
    async plannedAddresses(target) {
      const ports = await tables.ports(target)
      return {
        public: [...shared(target), `http://${HOST}:${ports.public}`],
        internal: `http://${HOST}:${ports.internal}`,
      }
    },
    publish(target, service) {
      own.set(targetName(target), service)
      tellRouter(target.environment)
    },
    publishCopy(target, copy) {
      if (copy) copies.set(targetName(target), { ...copy, environment: target.environment })
      else copies.delete(targetName(target))
      tellRouter(target.environment)
    },
    async drain(endpoint, withinMs) {
      await router.drain(endpoint, { withinMs })
    },
    inFlight(target, set) {
      const service = serviceName(target)
      const name = setName(target, set)
      return router.inFlight(service, name) - router.streams(service, name)
    },
    demand(target) {
      const { lastAskedAt, waiting } = router.demand(serviceName(target), target.space ?? '')
      return { lastAskedAt: lastAskedAt === null ? null : iso(lastAskedAt), waiting }
    },
    passes(target) {
      const from = router.callsFrom(serviceName(target), target.space ?? null)
      if (!from) return null
      const to = Object.entries(from.to).map(([service, { at, ...calls }]) => ({
        app: service.slice(service.indexOf('/') + 1),
        ...calls,
        at: at === null ? null : iso(at),
      }))
      return { asked: from.asked, seesAll: true, to }
    },
    async dismiss(target) {
      const name = targetName(target)
      const service = serviceName(target)
      await admissions.get(name)?.done
      own.delete(name)
      copies.delete(name)
      tellRouter(target.environment)
      admissions.delete(name)
      const others = () => [...admissions.values()].map((one) => one.target)
      const closing = [edges.get(name)]
      edges.delete(name)
      if (!others().some((one) => serviceName(one) === service)) {
        closing.push(insides.get(service))
        insides.delete(service)
      }
      await Promise.all(closing.map((door) => door && closeDoor(door, 0)))
      tables.release(target, others())
    },
    edgeProblem: () =>
      edge && edge.listener === null ? portStolen(edge.port, 'the one that all apps share') : null,
    async close(graceMs) {
      for (const door of [edge, ...edges.values(), ...insides.values()]) {
        if (door?.retry) clearTimeout(door.retry)
      }
      await router.close({ graceMs })
    },
  }
}
