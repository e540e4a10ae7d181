/**
 * `pg_dump` and `pg_restore` as programs of this machine: PostgreSQL's own are the only ones that know everything that
 * can be in a database. They are found through PATH and where systems keep several versions side by side.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

export interface Program {
  path: string
  major: number
}

/** Folders of versions side by side: Debian, Red Hat, Homebrew on both kinds of machines. */
const VERSIONS: [folder: string, version: RegExp][] = [
  ['/usr/lib/postgresql', /^\d+$/],
  ['/usr', /^pgsql-\d+$/],
  ['/opt/homebrew/opt', /^(postgresql|libpq)(@\d+)?$/],
  ['/usr/local/opt', /^(postgresql|libpq)(@\d+)?$/],
]

/** Every one that runs here, as it says itself. */
export async function findPrograms(name: 'pg_dump' | 'pg_restore', path: string): Promise<Program[]> {
  const beside = await Promise.all(
    VERSIONS.map(async ([folder, version]) =>
      (await readdir(folder).catch(() => []))
        .filter((entry) => version.test(entry))
        .map((entry) => join(folder, entry, 'bin')),
    ),
  )
  const folders = new Set([...path.split(':').filter(Boolean), ...beside.flat()])
  const found = await Promise.all([...folders].map((folder) => versionOf(join(folder, name))))
  return found.filter((program) => program !== null)
}

async function versionOf(path: string): Promise<Program | null> {
  const { code, output } = await run(path, ['--version'], {}).catch(() => ({ code: 1, output: '' }))
  const major = Number(/\(PostgreSQL\) (\d+)/.exec(output)?.[1])
  return code === 0 && Number.isInteger(major) ? { path, major } : null
}

/** A server is dumped by a program that is at least as new, best by its own. Pure. */
export function dumperFor(server: number, programs: readonly Program[]): Program | null {
  const able = programs.filter(({ major }) => major >= server).sort((one, other) => one.major - other.major)
  return able[0] ?? null
}

/** A dump is brought back best by the server's own, else by the next older one, else by whatever there is. Pure. */
export function restorerFor(server: number, programs: readonly Program[]): Program | null {
  const older = programs.filter(({ major }) => major <= server).sort((one, other) => other.major - one.major)
  const newer = programs.toSorted((one, other) => one.major - other.major)
  return older[0] ?? newer[0] ?? null
}

export interface Ran {
  code: number
  /** What it wrote on standard output, where nobody else read it. */
  output: string
  /** The last that it complained of. */
  complaint: string
}

/** Words of the command line hold no password: every user of the machine can list them. */
export function connectionOf(url: string): { words: string[]; env: Record<string, string> } {
  const parsed = new URL(url)
  const password = decodeURIComponent(parsed.password)
  parsed.password = ''
  return { words: [`--dbname=${parsed.href}`], env: { PGPASSWORD: password } }
}

const KEPT = 4000

/** To its end; killed where the signal is aborted. `take` gets what it writes as it comes. */
export async function run(
  path: string,
  words: readonly string[],
  { env = {}, signal, take }: RunOptions,
): Promise<Ran> {
  const child = spawn(path, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...env, LC_ALL: 'C' },
    ...(signal ? { signal, killSignal: 'SIGKILL' as const } : {}),
  })
  const ended = once(child, 'close') as Promise<[number | null]>
  ended.catch(() => {})
  let output = ''
  let complaint = ''
  child.stderr.on('data', (chunk) => {
    complaint = (complaint + chunk).slice(-KEPT)
  })
  if (take) {
    await take(child.stdout).catch((error) => {
      child.kill('SIGKILL')
      throw error
    })
  } else {
    child.stdout.on('data', (chunk) => {
      output = (output + chunk).slice(-KEPT)
    })
  }
  const [code] = await ended
  return { code: code ?? 1, output, complaint: lastLine(complaint) }
}

export interface RunOptions {
  env?: Record<string, string>
  signal?: AbortSignal
  take?: (output: Readable) => Promise<void>
}

/** `pg_restore: error: could not execute query: ERROR:  type "geometry" does not exist` without who says it. */
function lastLine(text: string): string {
  const lines = text.split('\n').map((line) => line.trim())
  const errors = lines.filter((line) => /error/i.test(line))
  return (errors[0] ?? lines.findLast(Boolean) ?? 'it said nothing').replace(/^\S+: (error: )?/, '')
}
