/**
 * PostgreSQL under our own supervision, from the programs that npm brings. Each server is a daemon: it goes on when the
 * platform ends, and the next platform adopts it. It never replicates, upgrades its data, or guards against a second
 * platform on the same folder.
 */
import { join } from 'node:path'
import pg from 'pg'
import type { TowError } from '../../../api/errors.ts'
import { binariesBeside, type PostgresBinaries } from './binaries.ts'
import { ensureCluster, openFolder, serverUser } from './cluster.ts'
import { boundLog } from './log.ts'
import { findPostmaster } from './postmaster.ts'
import { adoptOrStart, type ServerInput, stopServer } from './server.ts'
import { socketFolderFor } from './sockets.ts'

export { type PostgresBinaries, resolvePostgresBinaries } from './binaries.ts'

export interface PostgresOptions {
  /** Holds data, password, socket and log; made where it is missing. Absolute. */
  folder: string
  /** As in a sentence: `the platform's PostgreSQL`. */
  name: string
  /** A port on 127.0.0.1, or null: the unix socket alone. */
  tcpPort?: number | null
  /** Used when the data is made; default: made up and kept in `folder/password`, 0600. */
  superuserPassword?: string
  /** Settings of postgresql.conf, on top of ours. */
  settings?: Record<string, string>
  /** Default: the npm package's, copied beside `folder` where they can't be used in place. */
  binaries?: PostgresBinaries
  onLog: (message: string) => void
}

export interface Postgres {
  socketFolder: string
  /** For the superuser, over the unix socket; stays true when the server is started anew. */
  connection: pg.PoolConfig
  /** For the superuser over TCP; null without a port. */
  adminUrl: string | null
  /** Changes when the server is started anew. */
  pid(): number
  check(): Promise<{ name: string; ok: boolean; message: string; mend?: string }>
  /** Stops watching it; the server stays, for the next start to adopt. */
  leave(): void
  /** Stops the server. Everything acknowledged is on disk. */
  stop(): Promise<void>
}

/** Programs of PostgreSQL's socket files carry a port even where nothing listens on one. */
const SOCKET_PORT = 5432
const LOOK_EVERY = 500

/** Adopts the server of `folder` or starts it, and sees to it that it runs until `leave` or `stop`. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { folder, name, tcpPort = null, onLog } = options
  const user = await serverUser()
  await openFolder(folder, user)
  const binaries = options.binaries ?? (await binariesBeside(folder, user))
  const data = join(folder, 'data')
  const password = await ensureCluster({ folder, data, binaries, user, password: options.superuserPassword })
  const port = tcpPort ?? SOCKET_PORT
  const socketFolder = await socketFolderFor(folder, port, user)
  const connection = { host: socketFolder, port, user: 'postgres', password, database: 'postgres' }
  const server: ServerInput = {
    name,
    data,
    logFile: join(folder, 'postgres.log'),
    binaries,
    user,
    connection,
    settings: { socketFolder, port, tcp: tcpPort !== null, more: options.settings ?? {} },
    onLog,
  }
  const watch = keepRunning(server, await adoptOrStart(server))
  return {
    socketFolder,
    connection,
    adminUrl: tcpPort === null ? null : `postgres://postgres:${password}@127.0.0.1:${tcpPort}/postgres`,
    pid: watch.pid,
    check: () => check(server),
    leave: () => void watch.end(),
    async stop() {
      await watch.end()
      await stopServerOf(folder)
    },
  }
}

/** Ends the server of a folder whose data is about to go, whoever started it. */
export async function stopServerOf(folder: string): Promise<void> {
  const found = await findPostmaster(join(folder, 'data'))
  if (found) await stopServer(found.pid)
}

/** Looks whether the server lives, and starts it again where it does not; later and later while that fails. */
function keepRunning(server: ServerInput, first: number) {
  let pid = first
  let ended = false
  let failures = 0
  let looking: Promise<void> = Promise.resolve()
  let timer = later()

  function later(delay = LOOK_EVERY): NodeJS.Timeout {
    const next = setTimeout(() => {
      looking = look()
    }, delay)
    next.unref()
    return next
  }

  async function look(): Promise<void> {
    try {
      // Not only whether the pid lives: it may belong to another program by now.
      const found = await findPostmaster(server.data)
      if (found?.pid === pid && !found.isStopping) await boundLog(server.logFile)
      else {
        const end = found?.pid === pid ? 'is ending, told by somebody else' : 'ended by itself'
        server.onLog(`${server.name} ${end} (pid ${pid}); starting it again`)
        pid = await adoptOrStart(server)
        server.onLog(`${server.name} is back (pid ${pid})`)
      }
      failures = 0
    } catch (error) {
      failures += 1
      server.onLog((error as TowError).message)
    }
    if (!ended) timer = later(failures === 0 ? LOOK_EVERY : Math.min(30_000, 1000 * 2 ** failures))
  }

  return {
    pid: () => pid,
    async end() {
      ended = true
      clearTimeout(timer)
      await looking
      clearTimeout(timer)
    },
  }
}

async function check({ name, connection, logFile }: ServerInput) {
  const client = new pg.Client({ ...(connection as pg.ClientConfig), connectionTimeoutMillis: 3000 })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ server_version: string }>('show server_version')
    return { name, ok: true, message: `PostgreSQL ${rows[0]!.server_version} answers` }
  } catch (error) {
    return {
      name,
      ok: false,
      message: `${name} does not answer: ${(error as Error).message}`,
      mend: `see ${logFile}`,
    }
  } finally {
    await client.end().catch(() => {})
  }
}
