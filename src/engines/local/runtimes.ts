/** The language runtimes of this machine: which there are, where they really lie, and which one an artifact gets. */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  mkdirSync,
  realpathSync,
  renameSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import semver from 'semver'
import type { Runtime } from '../../api/app-spec.ts'
import type { Problem } from '../engine.ts'
import { closedTo } from './enterable.ts'

export interface FoundRuntime {
  name: Exclude<Runtime['name'], 'none'>
  version: string
  /** The program itself, with every link and pyenv's stand-in resolved. */
  program: string
}

export interface RuntimeFinder {
  all(): Promise<FoundRuntime[]>
  /** Folder for PATH, null where none is needed. */
  choose(runtime: Runtime): Promise<{ folder: string | null } | { problem: Problem }>
}

/** Asking the program itself is what sees through stand-ins such as pyenv's and rbenv's. */
const QUESTIONS: Record<FoundRuntime['name'], { commands: string[]; question: string[] }> = {
  node: { commands: ['node'], question: ['-p', 'process.execPath + " " + process.versions.node'] },
  python: {
    commands: ['python3', 'python'],
    question: ['-c', 'import sys; print(sys.executable, "%d.%d.%d" % sys.version_info[:3])'],
  },
  ruby: { commands: ['ruby'], question: ['-e', 'print RbConfig.ruby, " ", RUBY_VERSION'] },
}
const WAYS: Record<FoundRuntime['name'], string> = {
  node: 'install that version of Node, or allow this one in `engines` of package.json',
  python: 'install that version of Python, or allow this one in `requires-python`',
  ruby: 'install that version of Ruby, or allow this one in the Gemfile',
}

export interface RuntimeOptions {
  /** As in the environment: folders with colons between. */
  path: string
  /** The Node that runs Towpath. */
  ownNode: string
  /** Where a copy of Node may be put. */
  home: string
  /** Whether apps run as users of their own. */
  ownUsers: boolean
}

export function createRuntimeFinder(options: RuntimeOptions): RuntimeFinder {
  let found: Promise<FoundRuntime[]> | null = null

  async function find(): Promise<FoundRuntime[]> {
    const folders = options.path.split(':').filter((folder) => folder.startsWith('/'))
    // Version managers set their stand-ins first; the system's own folders are there even under a poor PATH.
    const all = [...new Set([...folders, '/usr/local/bin', '/usr/bin'])]
    const candidates = Object.entries(QUESTIONS).flatMap(([name, { commands }]) =>
      all.flatMap((folder) =>
        commands.map((command) => ({ name: name as FoundRuntime['name'], path: `${folder}/${command}` })),
      ),
    )
    candidates.push({ name: 'node', path: options.ownNode })
    const asked = new Map<string, Promise<FoundRuntime | null>>()
    for (const { name, path } of candidates) {
      const file = resolved(path)
      if (file && !asked.has(file)) asked.set(file, ask(name, path))
    }
    const answers = (await Promise.all(asked.values())).filter((one) => one !== null)
    return [...new Map(answers.map((one) => [one.program, one])).values()]
  }

  const all = () => (found ??= find())

  async function choose(runtime: Runtime): Promise<{ folder: string | null } | { problem: Problem }> {
    const { name, version, range } = runtime
    if (name === 'none') return { folder: null }
    const mine = (await all()).filter((one) => one.name === name)
    const good = mine.filter((one) => satisfies(one.version, range))
    // The version that built it, where it is there: native modules know no other.
    good.sort((a, b) => Number(b.version === version) - Number(a.version === version))
    if (good.length === 0) return { problem: missing(runtime, mine) }
    const open = options.ownUsers ? good.find((one) => closedTo(one.program) === null) : good[0]
    if (open) return { folder: dirname(open.program) }
    if (name !== 'node') {
      const closed = closedTo(good[0]!.program)
      return {
        problem: {
          code: 'runtime-missing',
          message: `${name} ${good[0]!.version} lies in ${closed}, which apps cannot enter, since they run as users of their own`,
          hint: `install ${name} for the whole system, or chmod o+x ${closed}`,
        },
      }
    }
    return { folder: copyNode(good[0]!) }
  }

  function copyNode(node: FoundRuntime): string {
    const folder = `${options.home}/runtimes/node-${node.version}`
    const program = `${folder}/node`
    if (!existsSync(program)) {
      mkdirSync(folder, { recursive: true })
      for (const part of [dirname(folder), folder]) chmodSync(part, 0o755)
      copyFileSync(node.program, `${program}.${process.pid}`, constants.COPYFILE_FICLONE)
      chmodSync(`${program}.${process.pid}`, 0o755)
      renameSync(`${program}.${process.pid}`, program)
    }
    return folder
  }

  return { all, choose }
}

function resolved(path: string): string | null {
  try {
    return statSync(path).isFile() ? realpathSync(path) : null
  } catch {
    return null
  }
}

async function ask(name: FoundRuntime['name'], path: string): Promise<FoundRuntime | null> {
  try {
    const { stdout } = await promisify(execFile)(path, QUESTIONS[name].question, {
      timeout: 10_000,
      cwd: '/',
    })
    const match = /^(\/.*) (\d+\.\d+\.\d+)/.exec(stdout.trim())
    return match ? { name, program: realpathSync(match[1]!), version: match[2]! } : null
  } catch {
    return null
  }
}

/** A range that nobody can read refuses nothing. */
export function satisfies(version: string, range: string): boolean {
  return semver.validRange(range) === null || semver.satisfies(version, range)
}

function missing(runtime: Runtime, there: FoundRuntime[]): Problem {
  const name = runtime.name as FoundRuntime['name']
  const versions = [...new Set(there.map((one) => one.version))].join(', ')
  return {
    code: 'runtime-missing',
    message: `it needs ${name} ${runtime.range}, and this machine has ${versions === '' ? 'none' : versions}`,
    hint: WAYS[name],
  }
}
