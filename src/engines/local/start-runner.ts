/** Finds the runner, or starts it as a process that outlives this one. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { TowError } from '../../api/errors.ts'
import {
  connectRunner,
  endLeftovers,
  isLocked,
  pathsOf,
  RUNNER_FLAGS,
  type RunnerClient,
} from '../../runner/protocol.ts'

export interface RunnerPlace {
  home: string
  keyPath: string
  doorPorts: number
  processPorts: number
}

const PATIENCE = 15_000

/** A client of the runner of this home; whoever asks at the same time meets the same runner. */
export async function ensureRunner(place: RunnerPlace, client: RunnerClient): Promise<void> {
  if (await answers(client)) return
  mkdirSync(place.home, { recursive: true })
  const logFile = `${place.home}/runner.log`
  const log = openSync(logFile, 'w', 0o600)
  const runner = spawn(
    process.execPath,
    [
      ...RUNNER_FLAGS,
      mainPath(),
      ...['--home', place.home],
      ...['--key', place.keyPath],
      ...['--door-ports', String(place.doorPorts)],
      ...['--process-ports', String(place.processPorts)],
    ],
    { detached: true, stdio: ['ignore', log, log], cwd: '/', env: {} },
  )
  closeSync(log)
  runner.unref()
  let ended = false
  runner.on('exit', () => {
    ended = true
  })
  const until = performance.now() + PATIENCE
  while (performance.now() < until) {
    if (await answers(client)) return
    // Another one may have been faster; then ours ended and theirs will answer.
    if (ended && performance.now() > until - PATIENCE + 3000) break
    await delay(25)
  }
  const said = readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join('\n')
  throw new TowError('UNAVAILABLE', `the runner in ${place.home} did not start${said ? `: ${said}` : ''}`, {
    hint: `look at ${logFile}`,
  })
}

/** Beside this file in the source; beside the bundle in the package. */
function mainPath(): string {
  const path = import.meta.url.endsWith('.ts') ? '../../runner/main.ts' : './runner.mjs'
  return fileURLToPath(new URL(path, import.meta.url))
}

async function answers(client: RunnerClient): Promise<boolean> {
  try {
    await client.hello()
    return true
  } catch {
    return false
  }
}

/** Ends the runner of a home if there is one, and with `apps` all that it runs. */
export async function shutDownRunner(home: string, options: { apps: boolean }): Promise<void> {
  const client = connectRunner(pathsOf(home).socket)
  try {
    const hello = await untilAnswered(home, client)
    if (!hello) return options.apps ? await endLeftovers(home) : undefined
    await client.shutdown(options)
    while (isThere(hello.pid)) await delay(20)
  } finally {
    client.close()
  }
}

/** Null where no runner is there. One that has begun and does not answer yet is waited for: it would start apps anew. */
async function untilAnswered(home: string, client: RunnerClient) {
  for (const until = performance.now() + PATIENCE; ; await delay(25)) {
    const hello = await client.hello().catch(() => null)
    if (hello || performance.now() > until || !isLocked(pathsOf(home).lock)) return hello
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
