/**
 * The router's place in the runner: the shared edge, two ports per target, and the table that says who is ready.
 * A port that somebody else has taken is tried again, and said.
 */
import type { Listener, Router, Service } from '../router/router.ts'
import { targetName } from './paths.ts'
import type { Addresses, Problem, Target } from './shapes.ts'
import type { Tables } from './tables.ts'
import { portStolen } from './words.ts'

export interface Doors {
  /** Opens the shared edge. */
  open(): Promise<void>
  /** Opens the two ports of a target; again after a time where they are taken. */
  admit(target: Target): Promise<void>
  /** Where people and other apps reach the target; `problems` says which port is not ours now. */
  addresses(target: Target): { addresses: Addresses; problems: Problem[] }
  /** What the target would answer on, whether or not its ports are open. */
  plannedAddresses(target: Target): Promise<{ public: string[]; internal: string }>
  publish(target: Target, service: Service): void
  drain(endpoint: string, withinMs: number): Promise<void>
  inFlight(target: Target, set: string): number
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

/** `<environment>/<app>`, as the router names services. */
export function serviceName(target: Target): string {
  return `${target.environment}/${target.app}`
}

export function hostName(target: Target): string {
  return `${target.app}.${target.environment}.localhost`
}

/** `changed` is told when a port opens late or for the first time. */
export function createDoors(router: Router, tables: Tables, changed: () => void): Doors {
  const services: Record<string, Service> = {}
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
    const service = serviceName(target)
    const edgeDoor = openDoor(ports.public, (port) =>
      router.listenService({ service, door: 'edge', host: HOST, port }),
    )
    const insideDoor = openDoor(ports.internal, (port) =>
      router.listenService({ service, door: 'inside', host: HOST, port }),
    )
    pairs.set(targetName(target), { edge: edgeDoor.door, inside: insideDoor.door })
    await Promise.all([edgeDoor.tried, insideDoor.tried])
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
          ...(open(pair?.edge, `the one of ${target.app} in ${target.environment}`)
            ? [`http://${HOST}:${pair!.edge.port}`]
            : []),
        ],
        internal: open(pair?.inside, `the one for calls to ${target.app} in ${target.environment}`)
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
      services[serviceName(target)] = service
      router.update({ services: { ...services } })
    },
    async drain(endpoint, withinMs) {
      await router.drain(endpoint, { withinMs })
    },
    inFlight(target, set) {
      const service = serviceName(target)
      return router.inFlight(service, set) - router.streams(service, set)
    },
    async dismiss(target) {
      const name = targetName(target)
      await admissions.get(name)
      const pair = pairs.get(name)
      delete services[serviceName(target)]
      router.update({ services: { ...services } })
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
