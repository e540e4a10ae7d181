/**
 * A whole server of ours in a backup, while it runs: its files as they are, and the log of what was written meanwhile,
 * from which the next start makes them consistent. By files, because what apps keep in there may be anything.
 */
import { createReadStream, createWriteStream, type Dirent } from 'node:fs'
import { mkdir, open, readdir, readFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { TowError } from '../../../api/errors.ts'
import { type BackupFile, type BackupPart, type OpenPart, type RestoringPart, textOf } from '../backup.ts'
import { binariesBeside } from './binaries.ts'
import { giveData, openFolder, serverUser, writePassword } from './cluster.ts'
import type { PostgresOnDemand } from './on-demand.ts'

/** With these a server lets itself be copied while it runs. */
export const COPIED_WHILE_IT_RUNS = { wal_level: 'replica' }

/** Made anew at every start, or only good for the server that wrote it. */
const EMPTY = new Set(['pg_wal', 'pg_replslot', 'pg_dynshmem', 'pg_notify', 'pg_serial', 'pg_snapshots'])
const LEFT_OUT = /^(postmaster\.(pid|opts)|pgsql_tmp.*|pg_internal\.init.*|backup_label|tablespace_map)$/
const CONTROL = 'global/pg_control'

export interface BaseBackupOptions {
  /** As `startPostgres` was given. */
  folder: string
  server: PostgresOnDemand
  /** What the backup calls this part. */
  part: string
}

export function serverPart({ folder, server, part }: BaseBackupOptions): BackupPart {
  return {
    name: part,
    async open() {
      const running = await server.resume()
      return running ? copy(folder, running.connection) : NOTHING
    },
    restore: () => restoreServer(folder, server),
  }
}

const NOTHING: OpenPart = {
  async *files() {},
  about: () => ({ postgres: null }),
  close: async () => {},
}

async function copy(folder: string, connection: pg.PoolConfig): Promise<OpenPart> {
  const data = join(folder, 'data')
  const client = new pg.Client(connection as pg.ClientConfig)
  client.on('error', () => {})
  await client.connect()
  try {
    const start = await begin(client)
    return {
      files: () => filesOf(client, folder, data, start),
      about: () => ({ postgres: start.major, databases: start.databases }),
      // Ends the copy too, where it did not come to its end.
      close: () => client.end(),
    }
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

interface Start {
  /** The first file of the log that is needed. */
  segment: string
  major: number
  databases: number
}

async function begin(client: pg.Client): Promise<Start> {
  const { rows } = await client.query<{ level: string; number: number; databases: number }>(
    `select current_setting('wal_level') as level, current_setting('server_version_num')::int as number,
      (select count(*)::int from pg_database where not datistemplate and datname <> 'postgres') as databases`,
  )
  const { level, number, databases } = rows[0]!
  if (level === 'minimal') {
    throw new TowError('CONFLICT', 'the PostgreSQL of apps was started without what a backup needs', {
      hint: 'tow down && tow up, then try again',
    })
  }
  // As long as this connection lives, the log is kept from here on.
  await client.query(`select pg_create_physical_replication_slot('backup_' || pg_backend_pid(), true, true)`)
  const started = await client.query<{ segment: string }>(
    `select pg_walfile_name(pg_backup_start('towpath', true)) as segment`,
  )
  return { segment: started.rows[0]!.segment, major: Math.floor(number / 10_000), databases }
}

async function* filesOf(
  client: pg.Client,
  folder: string,
  data: string,
  { segment }: Start,
): AsyncGenerator<BackupFile> {
  yield { name: 'password', content: [await readFile(join(folder, 'password'))] }
  yield* walk(data, '')
  // Last of all: it says how far the other files may be.
  yield { name: `data/${CONTROL}`, content: [await readFile(join(data, CONTROL))] }
  const { rows } = await client.query<{ label: string; last: string }>(
    'select labelfile as label, pg_walfile_name(lsn) as last from pg_backup_stop(false)',
  )
  const { label, last } = rows[0]!
  yield { name: 'data/backup_label', content: [Buffer.from(label)] }
  for (const name of (await readdir(join(data, 'pg_wal'))).sort()) {
    if (!/^[0-9A-F]{24}$/.test(name) || name < segment || name > last) continue
    yield { name: `data/pg_wal/${name}`, content: await reading(join(data, 'pg_wal', name)) }
  }
}

async function* walk(data: string, inside: string): AsyncGenerator<BackupFile> {
  for (const entry of await entriesOf(join(data, inside))) {
    const path = posix.join(inside, entry.name)
    if (LEFT_OUT.test(entry.name) || path === CONTROL) continue
    if (entry.isDirectory()) {
      yield { name: `data/${path}/`, content: [] }
      if (!EMPTY.has(path)) yield* walk(data, path)
      else if (path === 'pg_wal') yield* SUMMARIES
      continue
    }
    if (!entry.isFile()) continue
    try {
      yield { name: `data/${path}`, content: await reading(join(data, path)) }
    } catch (error) {
      // A table that was dropped in this moment; the log tells of it.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

/** Folders that a server expects in its log's. */
const SUMMARIES: BackupFile[] = ['archive_status', 'summaries'].map((name) => ({
  name: `data/pg_wal/${name}/`,
  content: [],
}))

async function entriesOf(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Opened at once: whether it is there is known before its name is written down. */
async function reading(path: string): Promise<AsyncIterable<Uint8Array>> {
  const handle = await open(path, 'r')
  return createReadStream('', { fd: handle, highWaterMark: 256 * 1024 })
}

function restoreServer(folder: string, server: PostgresOnDemand): RestoringPart {
  let isThere = false
  return {
    async check({ postgres }) {
      if (postgres === null) return
      const { major } = await binariesBeside(folder, await serverUser())
      if (postgres !== major) {
        throw new TowError(
          'REFUSED',
          `the databases of apps were written by PostgreSQL ${postgres}, and the PostgreSQL installed here is ${major}`,
          { hint: 'restore with the version of towpath that made the backup' },
        )
      }
    },
    async take(name, content) {
      isThere = true
      if (name === 'password') {
        await openFolder(folder, await serverUser())
        return writePassword(folder, await textOf(content))
      }
      await writeInto(folder, name, content)
    },
    async finish() {
      if (!isThere) return
      await giveData(join(folder, 'data'), await serverUser())
      // It reads the log and makes its files whole: that it starts is the proof.
      await (await server.get()).stop()
    },
    cancel: async () => {},
  }
}

async function writeInto(folder: string, name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const path = posix.normalize(name)
  if (path !== name || !path.startsWith('data/') || path.includes('..')) {
    throw new TowError('BAD_INPUT', `"${name}" is no file of a database`)
  }
  const target = join(folder, path)
  if (name.endsWith('/')) return void (await mkdir(target, { recursive: true, mode: 0o700 }))
  await mkdir(dirname(target), { recursive: true, mode: 0o700 })
  await pipeline(content, createWriteStream(target, { mode: 0o600 }))
}
