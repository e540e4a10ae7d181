/**
 * Named dumps: what databases of spaces are filled from. Each is one file of `pg_dump`, taken by the platform or brought
 * by somebody, and has this one use; nobody can fetch it. A row says what should be there; taking one is owed until it
 * was done, whoever dies meanwhile.
 */
import { createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { MOST_DUMP_BYTES } from '../../../api/dumps.ts'
import { TowError } from '../../../api/errors.ts'
import { type Actor, PLATFORM } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database } from '../../kernel/database.ts'
import { newId } from '../../kernel/ids.ts'
import { type Loop, startLoop } from '../../kernel/loop.ts'
import { dumpRefusals, dumpSaid } from './dump-messages.ts'
import { connectionOf, dumperFor, findPrograms, restorerFor, run } from './dump-programs.ts'
import { type DumpRow, deleteDump, findDump, insertDump, listDumps, updateDump } from './dump-store.ts'

export interface DumpsOptions {
  database: Database
  clock: Clock
  folder: string
  /** Where PostgreSQL's programs are looked for. */
  toolPath: string
  /** Of the environment's own database of an app. */
  urlOf(of: { app: string; environment: string }): Promise<string>
  /** Whether a database that is not filled yet waits for it. */
  isAwaited(change: Change, name: string): Promise<boolean>
  onError: (error: unknown) => void
}

export interface AskedDump {
  name: string
  app: string
  environment: string
}

/** What the file of `pg_dump -Fc` begins with. */
const MAGIC = 'PGDMP'
const MOST_DUMPS = 50
const RETRY = 30_000

export type Dumps = ReturnType<typeof createDumps>

export function createDumps(options: DumpsOptions) {
  const { database, clock, folder, toolPath, onError } = options
  const controller = new AbortController()
  const { signal } = controller
  const fileOf = ({ id }: Pick<DumpRow, 'id'>) => join(folder, id)
  let loop: Loop | null = null

  async function add(change: Change, by: string, asked: AskedDump, is: Partial<DumpRow>): Promise<DumpRow> {
    const { name, app, environment } = asked
    if ((await listDumps(change.db)).length >= MOST_DUMPS) throw dumpRefusals.tooMany(MOST_DUMPS)
    const row: DumpRow = {
      ...{ id: newId('d'), name, app, environment, by, at: clock.now() },
      ...{ state: 'taking', problem: null, bytes: 0 },
      ...is,
    }
    if (!(await insertDump(change.db, row))) throw dumpRefusals.taken(name)
    return row
  }

  /** What comes, on disk; refused where it is too large. Answers with its size. */
  async function keep(from: Readable, file: string): Promise<number> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    let bytes = 0
    const bound = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length
        done(bytes > MOST_DUMP_BYTES ? dumpRefusals.tooLarge() : null, chunk)
      },
    })
    await pipeline(from, bound, createWriteStream(file, { mode: 0o600, flush: true }), { signal })
    return bytes
  }

  async function take(row: DumpRow): Promise<void> {
    const partial = `${fileOf(row)}.partial`
    try {
      const url = await options.urlOf(row)
      const server = await majorOf(url)
      const programs = await findPrograms('pg_dump', toolPath)
      const program = dumperFor(server, programs)
      if (!program) throw dumpRefusals.noDumper(row, server, programs)
      const { words, env } = connectionOf(url)
      let bytes = 0
      const ran = await run(program.path, ['--format=custom', '--no-password', ...words], {
        ...{ env, signal },
        take: async (output) => {
          bytes = await keep(output, partial)
        },
      })
      if (ran.code !== 0) throw dumpRefusals.failed(row, ran.complaint)
      await rename(partial, fileOf(row))
      await database.change(PLATFORM, async (change) => {
        if (!(await updateDump(change.db, row, { state: 'ready', bytes }))) return
        change.event({ kind: 'dump.ready', ...of(row), message: dumpSaid.ready(row) })
      })
    } catch (error) {
      await rm(partial, { force: true })
      if (signal.aborted) return
      // What was refused stays so; what was away may be there next time.
      if (!(error instanceof TowError) || error.code === 'UNAVAILABLE') throw error
      const { message, hint } = error
      const problem = hint ? `${message}; ${hint}` : message
      await database.change(PLATFORM, async (change) => {
        if (!(await updateDump(change.db, row, { state: 'failed', problem }))) return
        change.event({ kind: 'dump.failed', ...of(row), message: dumpSaid.failed(row, message) })
      })
    }
  }

  /** Files that no row names: of dumps that were removed, or that broke off. What is being written is young. */
  async function sweep(): Promise<void> {
    const known = new Set((await listDumps(database.db)).map(({ id }) => id))
    for (const entry of await readdir(folder).catch(() => [])) {
      const file = join(folder, entry)
      const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }))
      if (!known.has(entry) && Date.now() - mtimeMs > 60_000) await rm(file, { force: true })
    }
  }

  async function requireDump(change: Change, { name, app, environment }: AskedDump): Promise<DumpRow> {
    const row = await findDump(change.db, name)
    if (row?.app !== app || row.environment !== environment) throw dumpRefusals.unknown(name)
    return row
  }

  return {
    list: () => listDumps(database.db),
    find: findDump,
    async take(change: Change, actor: Actor, asked: AskedDump): Promise<DumpRow> {
      await options.urlOf(asked)
      const row = await add(change, actor.name, asked, {})
      change.event({ kind: 'dump.asked', ...of(row), message: dumpSaid.asked(row) })
      change.wake('dumps')
      return row
    },
    /** A file of `pg_dump -Fc` that somebody brings. */
    async bring(actor: Actor, asked: AskedDump, content: Readable): Promise<DumpRow> {
      if (await findDump(database.db, asked.name)) throw dumpRefusals.taken(asked.name)
      const id = newId('d')
      const partial = `${fileOf({ id })}.partial`
      try {
        const bytes = await keep(content, partial)
        if (!(await isDump(partial))) throw dumpRefusals.noDump(asked.name)
        await rename(partial, fileOf({ id }))
        return await database.change(actor, async (change) => {
          const row = await add(change, actor.name, asked, { id, state: 'ready', bytes })
          change.event({ kind: 'dump.added', ...of(row), message: dumpSaid.added(row) })
          return row
        })
      } catch (error) {
        await rm(partial, { force: true })
        await rm(fileOf({ id }), { force: true })
        throw error
      }
    },
    async remove(change: Change, asked: AskedDump): Promise<DumpRow> {
      const row = await requireDump(change, asked)
      if (await options.isAwaited(change, row.name)) throw dumpRefusals.awaited(row.name)
      await deleteDump(change.db, row)
      change.event({ kind: 'dump.removed', ...of(row), message: dumpSaid.removed(row) })
      change.wake('dumps')
      return row
    },
    /** Into an empty database, all of it or nothing, as whoever its URL names. */
    async fill(name: string, url: string): Promise<string> {
      const row = await findDump(database.db, name)
      if (row?.state !== 'ready') throw dumpRefusals.unknown(name)
      const server = await majorOf(url)
      const program = restorerFor(server, await findPrograms('pg_restore', toolPath))
      if (!program) throw dumpRefusals.noRestorer(name, server)
      const { words, env } = connectionOf(url)
      const whole = ['--single-transaction', '--exit-on-error', '--no-password']
      const asWhoeverItIs = ['--no-owner', '--no-privileges', '--no-tablespaces', '--no-security-labels']
      const other = ['--no-publications', '--no-subscriptions']
      const ran = await run(program.path, [...whole, ...asWhoeverItIs, ...other, ...words, fileOf(row)], {
        env,
        signal,
      })
      if (ran.code !== 0) throw dumpRefusals.notRestored(name, program.major, ran.complaint)
      return name
    },
    folder,
    start() {
      loop = startLoop({
        ...{ interval: RETRY, onError },
        async pass() {
          for (const row of await listDumps(database.db)) if (row.state === 'taking') await take(row)
          await sweep()
        },
      })
      signal.addEventListener('abort', database.listen('dumps', loop.wake), { once: true })
    },
    async stop() {
      controller.abort()
      await loop?.stop()
    },
  }
}

const of = ({ app, environment, name }: DumpRow) => ({ app, environment, facts: { dump: name } })

async function isDump(file: string): Promise<boolean> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAGIC.length), 0, MAGIC.length, 0)
    return buffer.subarray(0, bytesRead).toString('latin1') === MAGIC
  } finally {
    await handle.close()
  }
}

async function majorOf(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ number: number }>(
      `select current_setting('server_version_num')::int as number`,
    )
    return Math.floor(rows[0]!.number / 10_000)
  } catch (cause) {
    throw new TowError('UNAVAILABLE', `the database does not let us in: ${(cause as Error).message}`, {
      cause,
    })
  } finally {
    await client.end().catch(() => {})
  }
}
