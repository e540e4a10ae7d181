/**
 * The doors between the rooms, as data. What no line of `DOORS` allows is forbidden, and the line of the room says why.
 */
import type { Import, SourceFile } from './read.ts'

interface Door {
  /** The room, as a path or the beginning of one that ends in `/`. The first line that matches a file is its room. */
  room: string
  /** What it may import beside itself. */
  allows: string[]
  /** Why nothing else. */
  because: string
}

const PORTS = ['src/engines/engine.ts', 'src/builders/builder.ts']

/** A feature may use the doors (`index.ts`) of those before it. */
export const FEATURE_ORDER = [
  'content',
  'access',
  'sign-in',
  'environments',
  'manifests',
  'apps',
  'config',
  'needs',
  'builds',
  'releases',
  'rollouts',
  'processes',
  'delivery',
  'domains',
  'drains',
  'drift',
  'pipelines',
  'ships',
  'spaces',
  'git',
  'backups',
  'events',
  'why',
  'system',
]

export const DOORS: Door[] = [
  {
    room: 'src/api/',
    allows: [],
    because: 'the contract is portable: it is read by the server, the command line, browsers and tests alike',
  },
  {
    room: 'src/client/',
    allows: ['src/api/'],
    because: 'the client speaks the contract and knows nothing of whoever answers',
  },
  {
    room: 'src/cli/',
    allows: ['src/api/', 'src/client/', 'src/trees/', 'src/backups/', 'src/workspace/'],
    because:
      'a command asks the platform; rules that live in a client would have to be repeated in the console',
  },
  {
    room: 'src/console/',
    allows: ['src/api/', 'src/client/'],
    because: 'the console shows what the platform says',
  },
  {
    room: 'src/platform/main.ts',
    allows: [
      'src/api/',
      'src/platform/',
      'src/engines/',
      'src/builders/',
      'src/trees/',
      'src/images/',
      'src/runner/protocol.ts',
    ],
    because: 'it wires concrete parts, and holds nothing else',
  },
  {
    room: 'src/platform/kernel/',
    allows: ['src/api/'],
    because: 'the kernel carries features and must not know them',
  },
  {
    room: 'src/platform/features/',
    allows: ['src/api/', 'src/platform/kernel/', 'src/trees/', 'src/images/', 'src/backups/', ...PORTS],
    because:
      'a feature speaks to engines and builders through their ports, so that it works on every one of them',
  },
  {
    room: 'src/platform/',
    allows: ['src/api/', 'src/platform/', 'src/trees/', 'src/backups/', ...PORTS],
    because: 'only main.ts names concrete engines and builders',
  },
  {
    room: 'src/engines/local/',
    allows: [
      'src/api/',
      'src/trees/',
      'src/images/',
      'src/engines/engine.ts',
      'src/engines/log-filter.ts',
      'src/runner/protocol.ts',
      'src/workspace/',
    ],
    because: 'the local engine speaks to the runner through its protocol alone: they are different processes',
  },
  {
    room: 'src/engines/kubernetes/',
    allows: [
      'src/api/',
      'src/trees/',
      'src/images/',
      'src/engines/engine.ts',
      'src/engines/log-filter.ts',
      'src/router/hop/protocol.ts',
      'src/router/overlay.ts',
      'src/router/table.ts',
      'src/workspace/',
    ],
    because:
      'engines know their port and neither each other nor the platform; the hop is told what is where, and runs elsewhere',
  },
  {
    room: 'src/engines/engine.ts',
    allows: ['src/api/', 'src/trees/'],
    because: 'the port belongs to no engine',
  },
  {
    room: 'src/engines/log-filter.ts',
    allows: ['src/api/'],
    because: 'which lines a query asks for is the same on every engine',
  },
  {
    room: 'src/engines/conformance.ts',
    allows: ['src/api/', 'src/trees/', 'src/engines/engine.ts', 'src/engines/conformance/'],
    because: 'the conformance suite belongs to no engine',
  },
  {
    room: 'src/engines/conformance/',
    allows: ['src/api/', 'src/trees/', 'src/engines/engine.ts', 'src/workspace/'],
    because: 'the conformance suite belongs to no engine',
  },
  {
    room: 'src/builders/builder.ts',
    allows: ['src/api/', 'src/trees/'],
    because: 'the port belongs to no builder',
  },
  {
    room: 'src/builders/',
    allows: ['src/api/', 'src/trees/', 'src/images/', 'src/builders/builder.ts'],
    because: 'builders know their port and never the platform or an engine',
  },
  {
    room: 'src/runner/',
    allows: ['src/api/', 'src/trees/', 'src/router/', 'src/workspace/ahead.ts'],
    because: 'the runner goes on without the platform, so it can need nothing of it',
  },
  {
    room: 'src/router/',
    allows: ['src/api/'],
    because: 'the router also runs alone inside a cluster',
  },
  {
    room: 'src/images/',
    allows: ['src/api/'],
    because: 'only images knows the words of registries, and it knows nothing else of ours',
  },
  {
    room: 'src/backups/',
    allows: ['src/api/', 'src/trees/'],
    because: 'the file of a backup is written by the platform and read by the command line',
  },
  {
    room: 'src/workspace/',
    allows: ['src/api/', 'src/trees/'],
    because: 'its agent runs beside any workspace, in a cluster alone',
  },
  {
    room: 'src/trees/',
    allows: ['src/api/'],
    because: 'trees are used on both sides of the wire',
  },
]

/** Packages that belong to one room. */
export const PACKAGES: { names: RegExp; rooms: string[]; because: string }[] = [
  {
    names: /^(?!zod$|@orpc\/contract$)/,
    rooms: ['not src/api/'],
    because: 'the contract imports zod and the contract library only',
  },
  {
    names: /^node:/,
    rooms: ['not src/client/'],
    because: 'the client also runs in browsers',
  },
  {
    names: /^(kysely|pg)$/,
    rooms: ['src/platform/'],
    because: 'only the platform has a database',
  },
  {
    names: /^(fastify|@orpc\/(server|openapi|json-schema|zod))$/,
    rooms: ['src/platform/'],
    because: 'only the platform serves the contract',
  },
  {
    names: /^vitest$/,
    rooms: ['src/engines/conformance'],
    because: 'what is shipped holds no test',
  },
]

export const ENVIRONMENT_READERS = ['src/platform/main.ts', 'src/runner/main.ts', 'src/cli/main.ts']

export const isTest = (path: string) =>
  /\.test\.ts$|\/(testing|fixture|test-[\w-]+)\.ts$|\/fixtures\//.test(path) || path.startsWith('test/')

/** One sentence per import that is not allowed. */
export function violations(files: readonly SourceFile[]): string[] {
  return files
    .filter(({ path }) => !isTest(path))
    .flatMap((file) => [...file.imports.flatMap(forbidden), ...environmentReads(file)])
}

function forbidden(found: Import): string[] {
  const reason = found.to.startsWith('src/') || isTest(found.to) ? doorReason(found) : packageReason(found)
  return reason === null ? [] : [`${found.from}:${found.line} imports ${found.to}: ${reason}`]
}

function doorReason({ from, to }: Import): string | null {
  if (isTest(to)) return 'what is shipped does not import tests'
  const door = DOORS.find(({ room }) => within(from, room))
  if (!door) return 'this folder is no room of the house: give it a line in test/architecture/rules.ts'
  const fromFeature = featureOf(from)
  const toFeature = featureOf(to)
  if (fromFeature !== null && toFeature !== null) return featureReason(fromFeature, toFeature, to)
  if (toFeature !== null && from.startsWith('src/platform/') && !from.startsWith('src/platform/kernel/')) {
    return to.endsWith('/index.ts') ? null : 'a feature’s only door is its index.ts'
  }
  if (within(to, door.room) || door.allows.some((allowed) => within(to, allowed))) return null
  return door.because
}

function featureReason(from: string, to: string, path: string): string | null {
  if (from === to) return null
  if (path !== `src/platform/features/${to}/index.ts`) return 'a feature’s only door is its index.ts'
  const [fromPlace, toPlace] = [FEATURE_ORDER.indexOf(from), FEATURE_ORDER.indexOf(to)]
  if (fromPlace < 0 || toPlace < 0) return 'a feature has a place in FEATURE_ORDER'
  if (toPlace < fromPlace) return null
  return `features use those before them (${FEATURE_ORDER.join(', ')}); the other way is a function that platform.ts hands in`
}

function packageReason({ from, to }: Import): string | null {
  for (const { names, rooms, because } of PACKAGES) {
    if (!names.test(to)) continue
    const isAllowed = rooms.some((room) =>
      room.startsWith('not ') ? !within(from, room.slice(4)) : from.startsWith(room),
    )
    if (!isAllowed) return because
  }
  return null
}

function environmentReads({ path, environment }: SourceFile): string[] {
  if (ENVIRONMENT_READERS.includes(path)) return []
  return environment.map(
    (line) => `${path}:${line} reads process.env: only entries do, so that every setting is read once`,
  )
}

function within(path: string, room: string): boolean {
  return room.endsWith('/') ? path.startsWith(room) : path === room
}

function featureOf(path: string): string | null {
  return /^src\/platform\/features\/([^/]+)\//.exec(path)?.[1] ?? null
}

/**
 * Files that load each other in a circle, each circle once. Types are gone by then, and what is loaded when it is
 * called finds everything in place.
 */
export function cycles(files: readonly SourceFile[]): string[] {
  const targets = new Map(
    files.map(({ path, imports }) => [path, imports.filter(({ how }) => how === 'load').map(({ to }) => to)]),
  )
  const state = new Map<string, 'open' | 'done'>()
  const found: string[] = []
  function visit(path: string, trail: string[]): void {
    if (state.get(path) === 'done' || !targets.has(path)) return
    if (state.get(path) === 'open') {
      found.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      return
    }
    state.set(path, 'open')
    for (const target of targets.get(path)!) visit(target, [...trail, path])
    state.set(path, 'done')
  }
  for (const { path } of files) visit(path, [])
  return found
}
