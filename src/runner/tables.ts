/** Which ports and which user each target owns, kept for as long as the target exists. */
import { randomInt } from 'node:crypto'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { TowError } from '../api/errors.ts'
import { isRefusedByBrowsers } from '../api/ports.ts'
import { readJson, setAside, writeDurably } from './durable.ts'
import { parseTargetName, targetName } from './paths.ts'
import type { Problem, Target } from './shapes.ts'

interface TableFile {
  edge: number | null
  /** By target; `internal` is 0 of a copy in a space, which is called at its app's own. */
  ports: Record<string, { public: number; internal: number }>
  /** By app: its environments share a user, no two apps do. Never given away again. */
  uids: Record<string, number>
}

export interface Tables {
  edgePort(): Promise<number>
  ports(target: Target): Promise<{ public: number; internal: number }>
  /** Null when the runner is not root: everything runs as the person who started it. */
  uid(target: Target): number | null
  /** `others` are those that are still there; what nobody of a space or of an app needs any more goes as well. */
  release(target: Target, others: readonly Target[]): void
  /** A free port for a process; not kept. */
  borrowPort(): Promise<number>
  /** Set where the file was damaged and made anew. */
  problem(): Problem | null
}

export interface PortRanges {
  /** First of 2000 for doors. */
  doors: number
  /** First of 4000 for processes; below what the system gives to outgoing connections. */
  processes: number
}

const FIRST_UID = 20_000
const PROCESS_PORTS = 4000

/** `owners`: which user each app was, as its folders still show; asked where the file is damaged. */
export function openTables(
  path: string,
  ranges: PortRanges,
  isRoot: boolean,
  owners: () => Record<string, number> = () => ({}),
): Tables {
  const kept = readJson<TableFile>(path)
  const isWhole = [kept?.ports, kept?.uids].every((part) => typeof part === 'object' && part !== null)
  const damaged = existsSync(path) && !isWhole ? setAside(path) : null
  const file: TableFile = (isWhole && kept) || { edge: null, ports: {}, uids: damaged ? owners() : {} }
  const save = () => writeDurably(path, JSON.stringify(file, null, 2))
  const pending = new Map<string, Promise<{ public: number; internal: number }>>()
  // Two runners of one machine would else lend the same port at the same moment.
  let next = randomInt(PROCESS_PORTS)

  const taken = () =>
    new Set([file.edge, ...Object.values(file.ports).flatMap((pair) => [pair.public, pair.internal])])

  /** Starts looking at a place that the name decides, so that an app that comes back mostly finds its old port. */
  async function findDoor(name: string): Promise<number> {
    const start = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 1900, 7)
    for (let step = 0; step < 1990; step++) {
      const port = ranges.doors + 10 + ((start + step) % 1990)
      if (!isRefusedByBrowsers(port) && !taken().has(port) && (await isFree(port))) return port
    }
    throw new TowError('UNAVAILABLE', `no port from ${ranges.doors} to ${ranges.doors + 1999} is free`)
  }

  async function allocate(name: string, isCopy: boolean) {
    const found = file.ports[name] ?? { public: await findDoor(`${name} public`), internal: 0 }
    file.ports[name] = found
    if (!isCopy) found.internal = await findDoor(`${name} internal`)
    save()
    return found
  }

  async function pairOf(target: Target) {
    const name = targetName(target)
    const isCopy = target.space !== undefined
    const kept = file.ports[name]
    if (kept && (isCopy || kept.internal !== 0)) return kept
    let asked = pending.get(name)
    if (!asked) {
      asked = allocate(name, isCopy).finally(() => pending.delete(name))
      pending.set(name, asked)
    }
    return asked
  }

  return {
    async edgePort() {
      if (file.edge === null) {
        let port = ranges.doors
        while (port < ranges.doors + 10 && !(await isFree(port))) port++
        file.edge = port
        save()
      }
      return file.edge
    },
    async ports(target) {
      const mine = await pairOf(target)
      if (target.space === undefined) return mine
      const { app, environment } = target
      return { public: mine.public, internal: (await pairOf({ app, environment })).internal }
    },
    uid(target) {
      if (!isRoot) return null
      if (file.uids[target.app] === undefined) {
        file.uids[target.app] = Math.max(FIRST_UID - 1, ...Object.values(file.uids)) + 1
        save()
      }
      return file.uids[target.app]!
    },
    release(target, others) {
      const near = others.filter((one) => one.environment === target.environment)
      const isNeeded = (name: string): boolean => {
        const one = parseTargetName(name)
        if (one?.environment !== target.environment) return true
        if (near.some((other) => targetName(other) === name)) return true
        // Where calls go to the copies that spaces have.
        if (one.space === undefined) return one.app !== target.app || near.some(({ app }) => app === one.app)
        // Of a copy that was only asked about, nobody else would tell that its space is gone.
        return (
          one.space !== target.space ||
          (one.app !== target.app && near.some(({ space }) => space === one.space))
        )
      }
      for (const name of Object.keys(file.ports)) if (!isNeeded(name)) delete file.ports[name]
      save()
    },
    problem: () =>
      damaged === null
        ? null
        : {
            code: 'state-unreadable',
            message: `the table of ports could not be read and lies in ${damaged}; apps may have got other ports`,
            hint: 'tow apps tells where they are now',
          },
    async borrowPort() {
      for (let tries = 0; tries < PROCESS_PORTS; tries++) {
        const port = ranges.processes + (next++ % PROCESS_PORTS)
        if (await isFree(port)) return port
      }
      throw new TowError(
        'UNAVAILABLE',
        `no port from ${ranges.processes} to ${ranges.processes + PROCESS_PORTS - 1} is free`,
      )
    },
  }
}

/** The user of each app, by whom its folder of temporary files belongs to. */
export function ownersOf(dwellings: string): Record<string, number> {
  const names = existsSync(dwellings) ? readdirSync(dwellings) : []
  return Object.fromEntries(
    names.flatMap((name) => {
      const app = parseTargetName(name)?.app
      const { uid } = statSync(`${dwellings}/${name}`)
      return app && uid >= FIRST_UID ? [[app, uid] as const] : []
    }),
  )
}

/** Free for everybody who might listen: on every address of both families, and on the loopback alone. */
export async function isFree(port: number): Promise<boolean> {
  return (await canListen(port, '127.0.0.1')) && (await canListen(port, undefined))
}

function canListen(port: number, host: string | undefined): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, ...(host ? { host } : {}), exclusive: true }, () =>
      server.close(() => resolve(true)),
    )
  })
}
