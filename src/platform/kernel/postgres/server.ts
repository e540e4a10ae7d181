/** One server process: found or started, waited for, stopped. */
import { type ChildProcess, spawn } from 'node:child_process'
import { open } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { TowError } from '../../../api/errors.ts'
import type { PostgresBinaries } from './binaries.ts'
import { type RunAs, serverEnvironment } from './cluster.ts'
import { boundLog, logLinesAfter } from './log.ts'
import { findPostmaster, findUnnamed, isAlive } from './postmaster.ts'
import { type SettingsInput, serverArguments } from './settings.ts'
import { clearSockets } from './sockets.ts'

export interface ServerInput {
  /** As in a sentence: `the platform's PostgreSQL`. */
  name: string
  data: string
  logFile: string
  binaries: PostgresBinaries
  user: RunAs
  settings: SettingsInput
  connection: pg.PoolConfig
  onLog: (message: string) => void
}

const ORPHANS_PATIENCE = 30_000
/**
 * How long a server that somebody told to end may take. PostgreSQL 18 never ends when it is told so while it recovers
 * from the death of one of its processes: all that is left is the checkpointer, which nobody tells any more.
 */
const ENDING_PATIENCE = 3000
const NEWS_EVERY = 10_000

/** Pid of the live server: the one that is there, where it listens as asked for, else a new one. */
export async function adoptOrStart(input: ServerInput): Promise<number> {
  const found = await findPostmaster(input.data)
  if (found?.isStopping) await stopServer(found.pid, ENDING_PATIENCE)
  else if (found) {
    const { socketFolder, port, tcp } = input.settings
    if (found.port === port && found.socketFolder === socketFolder && (found.address !== '') === tcp) {
      try {
        await untilReady(input, () => (isAlive(found.pid) ? null : 'it ended'))
        return found.pid
      } catch (error) {
        // It was on its way out when we found it.
        if (isAlive(found.pid)) throw error
      }
    } else {
      input.onLog(`${input.name} listens elsewhere than it should and is started anew`)
      await stopServer(found.pid)
    }
  }
  return start(input)
}

async function start(input: ServerInput): Promise<number> {
  for (const pid of await findUnnamed(input.data)) {
    input.onLog(`${input.name} lost its pid file (pid ${pid}) and is started anew`)
    await stopServer(pid)
  }
  const orphansEnd = performance.now() + ORPHANS_PATIENCE
  for (;;) {
    const failure = await startOnce(input)
    if (typeof failure === 'number') return failure
    // The backends of a server that was killed notice it within moments; until then they hold its memory.
    if (!/shared memory block .* still in use/.test(failure) || performance.now() > orphansEnd) {
      throw startFailure(input, failure)
    }
    await sleep(100)
  }
}

async function startOnce(input: ServerInput): Promise<number | string> {
  await clearSockets(input.settings.socketFolder, input.settings.port)
  await boundLog(input.logFile)
  const log = await open(input.logFile, 'a', 0o600)
  const before = (await log.stat()).size
  let child: ChildProcess
  try {
    child = spawn(input.binaries.postgres, serverArguments(input.data, input.settings), {
      ...input.user,
      cwd: '/',
      env: serverEnvironment(),
      // Not of our session: it outlives us, and a Ctrl-C in our terminal is not meant for it.
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    })
    await new Promise<void>((resolve, reject) => child.once('spawn', resolve).once('error', reject))
  } finally {
    await log.close()
  }
  child.unref()
  try {
    await untilReady(input, () => ((child.exitCode ?? child.signalCode) === null ? null : 'it ended'))
    return child.pid!
  } catch (error) {
    if ((child.exitCode ?? child.signalCode) === null) throw error
    const lines = await logLinesAfter(input.logFile, before)
    return lines.findLast((line) => /FATAL|PANIC|^postgres: /.test(line)) ?? lines.at(-1) ?? ''
  }
}

/** Resolves with the first answer. A long recovery is waited for, and told. */
async function untilReady(input: ServerInput, ended: () => string | null): Promise<void> {
  let news = performance.now() + NEWS_EVERY
  // Each try costs the server a process, and a recovery needs them more than we do.
  for (let pause = 10; ; pause = Math.min(100, pause * 1.5)) {
    const client = new pg.Client(input.connection as pg.ClientConfig)
    client.on('error', () => {})
    try {
      await client.connect()
      await client.query('select 1')
      return
    } catch (error) {
      if ((error as { code?: string }).code === '28P01') throw wrongPassword(input)
      if (!isPassing(error as pg.DatabaseError) && ended() === null) throw error
    } finally {
      await client.end().catch(() => {})
    }
    const reason = ended()
    if (reason) throw new TowError('UNAVAILABLE', `${input.name} did not start: ${reason}`)
    if (performance.now() > news) {
      input.onLog(`${input.name} is still starting; its log is ${input.logFile}`)
      news = performance.now() + NEWS_EVERY
    }
    await sleep(pause)
  }
}

/** What a server says, or does, while it comes up or goes down. */
function isPassing({ code = '', message }: { code?: string | undefined; message: string }): boolean {
  if (['57P03', '57P01', 'ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(code)) return true
  return /terminated unexpectedly/.test(message)
}

/** Fast shutdown: sessions end, everything is written. Killed hard only when it does not obey; that loses nothing either. */
export async function stopServer(pid: number, patience = 30_000): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    try {
      process.kill(pid, signal)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') return
      throw error
    }
    for (const end = performance.now() + patience; performance.now() < end; ) {
      if (!isAlive(pid)) return
      await sleep(10)
    }
  }
}

function wrongPassword({ name, data }: ServerInput): TowError {
  return new TowError('REFUSED', `${name} in ${data} does not take the password that is kept beside it`, {
    hint: 'put the file `password` beside the data folder back from a backup',
  })
}

function startFailure({ name, settings, logFile }: ServerInput, line: string): TowError {
  const said = line.replace(/^.*?(?:FATAL|PANIC):\s*/, '')
  if (/could not create any TCP\/IP sockets|could not bind/.test(said)) {
    return new TowError('CONFLICT', `${name} can't listen on 127.0.0.1:${settings.port}: the port is taken`, {
      hint: `end the program that listens there: lsof -i tcp:${settings.port}`,
    })
  }
  const code = /No space left/i.test(said) ? 'DISK_FULL' : 'UNAVAILABLE'
  return new TowError(code, `${name} did not start: ${said || 'it said nothing'}`, { hint: `see ${logFile}` })
}
