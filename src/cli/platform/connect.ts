/** Finds the platform of this machine, or starts it in the background. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { getCompileCacheDir } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { TowError } from '../../api/errors.ts'
import { PlatformFile } from '../../api/platform-file.ts'
import { type Client, createClient } from '../../client/client.ts'
import { networkFailure } from '../../client/failure.ts'
import { platformEntry } from './entry.ts'

const START_SECONDS = 60

export async function readPlatformFile(home: string): Promise<PlatformFile | null> {
  let text: string
  try {
    text = await readFile(join(home, 'platform.json'), 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw new TowError('UNAVAILABLE', `${home} can't be used as the platform's home (${code})`, {
      hint: 'set TOW_HOME to a folder of your own',
      cause: error,
    })
  }
  const parsed = PlatformFile.safeParse(parseJson(text))
  if (!parsed.success) {
    throw new TowError(
      'UNAVAILABLE',
      `${join(home, 'platform.json')} can't be read as what a platform writes`,
      {
        hint: 'tow up',
      },
    )
  }
  return parsed.data
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** Signal 0 asks only whether the process is there; EPERM means it is, under another user. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  return !isZombie(pid)
}

/** Ended, though its parent has not looked yet; only Linux tells. */
function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.charAt(stat.lastIndexOf(')') + 2) === 'Z'
  } catch {
    return false
  }
}

/** Null when no platform runs on the home. */
export async function findPlatform(home: string): Promise<PlatformFile | null> {
  const file = await readPlatformFile(home)
  return file && isAlive(file.pid) ? file : null
}

export async function clientOf(file: PlatformFile): Promise<Client> {
  let token: string
  try {
    token = (await readFile(file.tokenFile, 'utf8')).trim()
  } catch (cause) {
    throw new TowError('UNAUTHENTICATED', `the token in ${file.tokenFile} can't be read by you`, {
      hint: 'run tow as the person who ran tow up',
      cause,
    })
  }
  return createClient({ url: file.url, token })
}

export async function connect(home: string): Promise<Client> {
  const file = await findPlatform(home)
  if (!file) throw new TowError('UNAVAILABLE', `no platform runs on ${home}`, { hint: 'tow up' })
  return clientOf(file)
}

interface StartOptions {
  home: string
  env: NodeJS.ProcessEnv
  signal: AbortSignal
  port?: number
  /** Where else it listens, as options of the platform. */
  listening?: readonly string[]
}

/** Starts the platform as a process of its own and waits until it answers. `started` is false when it already ran. */
export async function startPlatform({
  home,
  env,
  signal,
  port,
  listening = [],
}: StartOptions): Promise<{ file: PlatformFile; started: boolean }> {
  // A file that can't be read says nothing; the platform that is started writes another.
  const running = await findPlatform(home).catch(() => null)
  // A pid that was given out again looks alive; whether a platform runs there is for the platform's own lock to say.
  if (running && (await answers(running))) return { file: running, started: false }
  // What a platform says before it can write its own log goes here, and is shown when it does not come up.
  const startLog = join(home, 'logs', 'start.log')
  const log = openStartLog(home, startLog)
  const child = spawn(
    process.execPath,
    [
      ...platformEntry(),
      '--home',
      home,
      ...(port === undefined ? [] : ['--port', String(port)]),
      ...listening,
    ],
    {
      detached: true,
      stdio: ['ignore', log, log],
      env: compiledOnce(env),
      cwd: home,
    },
  )
  closeSync(log)
  child.unref()
  let exit: number | null = null
  child.on('exit', (code) => {
    exit = code ?? 1
  })
  child.on('error', () => {
    exit = 1
  })
  const until = performance.now() + START_SECONDS * 1000
  while (performance.now() < until) {
    signal.throwIfAborted()
    const file = await readPlatformFile(home).catch(() => null)
    if (file && isAlive(file.pid) && (await answers(file))) return { file, started: file.pid === child.pid }
    if (exit !== null) break
    await sleep(30, undefined, { signal })
  }
  const words = (await readFile(startLog, 'utf8').catch(() => '')).trim().split('\n').slice(-5).join('\n')
  throw new TowError('UNAVAILABLE', words || `the platform did not answer within ${START_SECONDS} seconds`, {
    hint: words ? undefined : `read ${join(home, 'logs')}`,
  })
}

function openStartLog(home: string, file: string): number {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o755 })
    return openSync(file, 'w', 0o600)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT') {
      throw new TowError('DISK_FULL', `no space is left for ${home}`, { hint: 'free some space', cause })
    }
    throw new TowError('UNAVAILABLE', `the platform can’t keep its data in ${home} (${code})`, {
      hint: 'make it writable for you, or set TOW_HOME to a folder of your own',
      cause,
    })
  }
}

/** What this process has compiled and kept, the platform need not compile again. */
function compiledOnce(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const cache = getCompileCacheDir?.()
  return cache === undefined ? env : { NODE_COMPILE_CACHE: dirname(cache), ...env }
}

async function answers(file: PlatformFile): Promise<boolean> {
  try {
    const client = await clientOf(file)
    await client.system.status()
    return true
  } catch (error) {
    // One whose database is away runs all the same, and says so to whoever asks for more.
    return error instanceof TowError && error.code === 'UNAVAILABLE' && networkFailure(error.cause) === null
  }
}
