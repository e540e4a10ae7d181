/** What `tow doctor` looks at beside the engines: this machine, the home, the database. Each failure names its mend. */
import { execFile } from 'node:child_process'
import { stat, statfs } from 'node:fs/promises'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import type * as z from 'zod'
import type { CheckResult } from '../../../api/environments.ts'
import type { Queries } from '../../kernel/database.ts'

export type Check = z.infer<typeof CheckResult>
export type CheckSource = () => Promise<Check[]>

const LEAST_FREE_MEGABYTES = 1024
const LARGEST_CLOCK_DIFFERENCE = 5_000

export interface MachineFacts {
  home: string
  tokenFile: string
  db: Queries
  now: () => Date
}

/** Each check by itself, so that one that can't be made hides no other. */
export function machineChecks({ home, tokenFile, db, now }: MachineFacts): CheckSource[] {
  return [
    async () => [await diskCheck(home)],
    async () => [await homeCheck(home, tokenFile)],
    async () => databaseChecks(db, now),
    async () => [await gitCheck()],
  ]
}

async function diskCheck(home: string): Promise<Check> {
  const { bavail, bsize } = await statfs(home)
  const megabytes = Math.floor((bavail * bsize) / 1024 / 1024)
  return {
    name: 'disk',
    ok: megabytes >= LEAST_FREE_MEGABYTES,
    message: `${(megabytes / 1024).toFixed(1)} GB free where ${home} lies`,
    ...(megabytes >= LEAST_FREE_MEGABYTES
      ? {}
      : { mend: `free some space: at least ${LEAST_FREE_MEGABYTES / 1024} GB` }),
  }
}

async function homeCheck(home: string, tokenFile: string): Promise<Check> {
  const { mode } = await stat(tokenFile)
  const isClosed = (mode & 0o077) === 0
  return {
    name: 'home',
    ok: isClosed,
    message: isClosed
      ? `${home} is writable and its token is yours alone`
      : `others on this machine can read ${tokenFile}`,
    ...(isClosed ? {} : { mend: 'tow down && tow up makes a new token that is yours alone' }),
  }
}

async function databaseChecks(db: Queries, now: () => Date): Promise<Check[]> {
  const { rows } = await sql<{ at: Date; version: string; used: number; most: number }>`
    select clock_timestamp() as at, current_setting('server_version') as version,
      (select count(*)::int from pg_stat_activity) as used,
      current_setting('max_connections')::int as most`.execute(db)
  const { at, version, used, most } = rows[0]!
  const difference = Math.abs(at.getTime() - now().getTime())
  const hasRoom = used < most * 0.9
  return [
    {
      name: 'database',
      ok: hasRoom,
      message: `PostgreSQL ${version}, ${used} of ${most} connections in use`,
      ...(hasRoom ? {} : { mend: 'raise max_connections of the server that DATABASE_URL names' }),
    },
    {
      name: 'clock',
      ok: difference < LARGEST_CLOCK_DIFFERENCE,
      message: `this machine and the database differ by ${(difference / 1000).toFixed(1)} s`,
      ...(difference < LARGEST_CLOCK_DIFFERENCE ? {} : { mend: 'let both machines keep time with NTP' }),
    },
  ]
}

async function gitCheck(): Promise<Check> {
  try {
    const { stdout } = await promisify(execFile)('git', ['--version'])
    return { name: 'git', ok: true, message: stdout.trim() }
  } catch {
    return {
      name: 'git',
      ok: false,
      message: 'git is not on the PATH: .gitignore and commits can’t be read',
      mend: process.platform === 'darwin' ? 'xcode-select --install' : 'install git, e.g. apt install git',
    }
  }
}
