/**
 * The router's place in the runner: the shared edge, two ports per target, and the table that says who is ready.
 * A port that somebody else has taken is tried again, and said.
 */
import { type Copy, type Listener, overlay, type Router, type Service, setOfSpace } from '../router/router.ts'
import { appName, targetName } from './paths.ts'
import type { Addresses, Demand, Problem, Target } from './shapes.ts'
import type { Tables } from './tables.ts'
import { iso, portStolen } from './words.ts'

export interface Doors {
  /** Opens the shared edge. */
  open(): Promise<void>
  /** Opens the two ports of a target; again after a time where they are taken. */
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
  const pairs = new Map<string, { edge: DoorState; inside: DoorState }>()
  const admissions = new Map<string, Promise<void>>()
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
    const at = { service: serviceName(target), host: HOST, ...(target.space ? { space: target.space } : {}) }
    const edgeDoor = openDoor(ports.public, (port) => router.listenService({ ...at, door: 'edge', port }))
    const insideDoor = openDoor(ports.internal, (port) =>
      router.listenService({ ...at, door: 'inside', port }),
    )
    pairs.set(targetName(target), { edge: edgeDoor.door, inside: insideDoor.door })
    await Promise.all([edgeDoor.tried, insideDoor.tried])
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
      const asked = admissions.get(name) ?? admit(target)
      admissions.set(name, asked)
      await asked
    },
    addresses(target) {
      const pair = pairs.get(targetName(target))
      const problems: Problem[] = []
      const open = (door: DoorState | undefined | null, what: string) => {
        if (door && door.listener === null) problems.push(portStolen(door.port, what))
        return door?.listener != null
      }
      const addresses: Addresses = {
        public: [
          ...(open(edge, 'the one that all apps share') ? shared(target) : []),
          ...(open(pair?.edge, `the one of ${appName(target)} in ${target.environment}`)
            ? [`http://${HOST}:${pair!.edge.port}`]
            : []),
        ],
        internal: open(pair?.inside, `the one for calls to ${appName(target)} in ${target.environment}`)
          ? `http://${HOST}:${pair!.inside.port}`
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
    async dismiss(target) {
      const name = targetName(target)
      await admissions.get(name)
      const pair = pairs.get(name)
      own.delete(name)
      copies.delete(name)
      tellRouter(target.environment)
      pairs.delete(name)
      admissions.delete(name)
      if (pair) await Promise.all([closeDoor(pair.edge, 0), closeDoor(pair.inside, 0)])
      tables.release(target)
    },
    edgeProblem: () =>
      edge && edge.listener === null ? portStolen(edge.port, 'the one that all apps share') : null,
    async close(graceMs) {
      if (edge?.retry) clearTimeout(edge.retry)
      for (const pair of pairs.values()) {
        for (const door of [pair.edge, pair.inside]) if (door.retry) clearTimeout(door.retry)
      }
      await router.close({ graceMs })
    },
  }
}
