/**
 * The platform's own database: a PostgreSQL of its own in the home, or the one that DATABASE_URL names; held by one
 * platform at a time, so that two homes can't work on the same data.
 */
import { join } from 'node:path'
import pg from 'pg'
import { TowError } from '../../api/errors.ts'
import { type Database, openDatabase } from './database.ts'
import type { Log } from './log.ts'
import { startPostgres } from './postgres/postgres.ts'

export interface StateDatabase {
  database: Database
  parts(): Promise<{ name: string; ok: boolean; message: string; pid: number | null }[]>
  /** `stop`: also ends a server of our own; otherwise it stays, for the next start. */
  close(stop: boolean): Promise<void>
}

export interface StateDatabaseOptions {
  home: string
  url: string | undefined
  log: Log
  /** Another platform took the database over while this one could not reach it. */
  onLost: () => void
}

/** Key of the advisory lock that one platform holds for as long as it runs. */
const PLATFORM_LOCK = 0x74_6f_77_70

export async function openStateDatabase({
  home,
  url,
  log,
  onLost,
}: StateDatabaseOptions): Promise<StateDatabase> {
  const own = url
    ? null
    : await startPostgres({
        folder: join(home, 'postgres'),
        name: 'the platform’s PostgreSQL',
        onLog: (message) => log.warn(message),
      })
  const connection = own?.connection ?? { connectionString: url }
  const hold = holdLock(connection, log, onLost)
  try {
    await hold.first
  } catch (error) {
    own?.leave()
    throw error
  }
  const database = openDatabase({
    connection,
    onError: (error) => log.warn(`the database: ${error.message}`),
  })
  return {
    database,
    async parts() {
      if (own) return [{ ...pick(await own.check()), pid: own.pid() }]
      const answers = await database.db
        .selectFrom('migrations')
        .select('name')
        .limit(1)
        .execute()
        .then(
          () => true,
          () => false,
        )
      return [
        {
          name: 'database',
          ok: answers,
          message: answers
            ? 'the server of DATABASE_URL answers'
            : 'the server of DATABASE_URL does not answer',
          pid: null,
        },
      ]
    },
    async close(stop) {
      await database.close()
      await hold.end()
      if (stop) await own?.stop()
      else own?.leave()
    },
  }
}

const pick = ({ ok, message }: { ok: boolean; message: string }) => ({ name: 'database', ok, message })

/** A connection of its own that holds the lock; where it breaks, the lock is taken anew as soon as that is possible. */
function holdLock(connection: pg.PoolConfig, log: Log, onLost: () => void) {
  let client: pg.Client | null = null
  let ended = false
  let retry: NodeJS.Timeout | undefined

  async function take(): Promise<boolean> {
    const candidate = new pg.Client({ ...(connection as pg.ClientConfig), connectionTimeoutMillis: 10_000 })
    candidate.on('error', () => {})
    candidate.on('end', () => {
      if (client !== candidate) return
      client = null
      again()
    })
    try {
      await candidate.connect()
      const { rows } = await candidate.query<{ held: boolean }>('select pg_try_advisory_lock($1) as held', [
        PLATFORM_LOCK,
      ])
      if (rows[0]?.held) client = candidate
      else await candidate.end()
      return rows[0]?.held === true
    } catch (error) {
      await candidate.end().catch(() => {})
      throw error
    }
  }

  function again(): void {
    if (ended) return
    retry = setTimeout(async () => {
      try {
        if (await take()) return
        log.warn('another platform took over this database; ending')
        onLost()
      } catch {
        again()
      }
    }, 500)
  }

  return {
    first: firstTake(take),
    async end() {
      ended = true
      clearTimeout(retry)
      const open = client
      client = null
      await open?.end().catch(() => {})
    },
  }
}

async function firstTake(take: () => Promise<boolean>): Promise<void> {
  let held: boolean
  try {
    held = await take()
  } catch (cause) {
    throw new TowError(
      'UNAVAILABLE',
      `the platform’s database does not answer: ${(cause as Error).message}`,
      {
        hint: 'look at DATABASE_URL, or unset it for a database of the platform’s own',
        cause,
      },
    )
  }
  if (held) return
  throw new TowError('CONFLICT', 'another platform already works on this database', {
    hint: 'stop it, or give this platform a database of its own',
  })
}
