import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, symlink } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { TowError } from '../../api/errors.ts'
import type { BuildReport } from '../builder.ts'
import { exists } from './files.ts'
import { hintFor } from './hints.ts'

/** Milliseconds that a cancelled step has to end by itself. */
const GRACE = 5000
/** Bytes of output that one step may write into the log. */
const OUTPUT_LIMIT = 16 * 1024 * 1024
/** Characters of output that are looked at for the reason of a failure. */
const LAST_OUTPUT = 32 * 1024

export interface Step {
  /** As the person sees it: `npm ci`. */
  name: string
  /** A command line for `sh`, or an executable with its arguments. */
  command: string | readonly [file: string, ...args: string[]]
  folder: string
  env?: Readonly<Record<string, string>>
  /** Folders put before the tool path. */
  path?: readonly string[]
  /** Given to this step alone. */
  secrets?: Readonly<Record<string, string>>
  /** Why it runs, where an earlier result might have done. */
  because?: string
}

export interface StepRunner {
  /** Runs one step to its end. Throws FAILED with its exit, CANCELLED (or the signal's own TowError) on abort. */
  run(step: Step): Promise<void>
  reused(name: string, why: string): void
  say(sentence: string): void
}

export interface StepOptions {
  /** Holds the HOME and the temporary folder of the steps. */
  folder: string
  toolPath: string
  environment: Readonly<Record<string, string>>
  /** The person's caches, by variable; they win over those that a step names. */
  caches: Readonly<Record<string, string>>
  /** Of the person who runs the platform; see `HOME_SETTINGS`. */
  personalHome: string | undefined
  report: BuildReport
  signal: AbortSignal
}

/** Runs the steps of one build: each in a process group of its own, with a clean environment. */
export function createStepRunner({
  folder,
  toolPath,
  environment,
  caches,
  personalHome,
  report,
  signal,
}: StepOptions): StepRunner {
  return {
    reused: (name, why) => report.step(name, { reused: why }),
    say: (sentence) => report.output(`${sentence}\n`),
    async run({ name, command, folder: cwd, env = {}, path = [], secrets = {}, because }) {
      throwIfCancelled(signal)
      const home = join(folder, 'home')
      const temporary = join(folder, 'tmp')
      await Promise.all([home, temporary].map((one) => mkdir(one, { recursive: true })))
      await linkSettings(personalHome, home)
      report.step(name, because === undefined ? {} : { because })
      const [file, ...args] = typeof command === 'string' ? ['/bin/sh', '-c', command] : command
      const child = spawn(file!, args, {
        cwd,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          LANG: 'C.UTF-8',
          CI: 'true',
          NO_COLOR: '1',
          ...environment,
          HOME: home,
          TMPDIR: temporary,
          PATH: [...path, toolPath].join(delimiter),
          ...env,
          ...caches,
          ...secrets,
        },
      })
      if (child.pid !== undefined) report.started({ pid: child.pid, startTime: startTimeOf(child.pid) })
      const { failure, lastOutput } = await ended(child, report, signal)
      throwIfCancelled(signal)
      if (failure === null) return
      const { code = 'FAILED', hint } = hintFor(lastOutput)
      throw new TowError(code, `${name} ${failure}`, { hint })
    },
  }
}

function throwIfCancelled(signal: AbortSignal): void {
  if (!signal.aborted) return
  throw signal.reason instanceof TowError
    ? signal.reason
    : new TowError('CANCELLED', 'The build was cancelled')
}

/** Settings that package managers find through HOME alone: tokens and registries of the person. */
const HOME_SETTINGS = ['.yarnrc', '.yarnrc.yml', '.config/pnpm']

async function linkSettings(from: string | undefined, home: string): Promise<void> {
  if (from === undefined) return
  for (const file of HOME_SETTINGS) {
    if (!(await exists(join(from, file))) || (await exists(join(home, file)))) continue
    await mkdir(dirname(join(home, file)), { recursive: true })
    await symlink(join(from, file), join(home, file))
  }
}

interface Ended {
  /** How it ended; null for success. */
  failure: string | null
  lastOutput: string
}

/** Streams the output until every process of the step is gone. */
function ended(child: ChildProcess, report: BuildReport, signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    let written = 0
    let lastOutput = ''
    const emit = (text: string) => {
      lastOutput = (lastOutput + text).slice(-LAST_OUTPUT)
      if (written > OUTPUT_LIMIT) return
      written += text.length
      report.output(written > OUTPUT_LIMIT ? '\n[more output than 16 MB: the rest is left out]\n' : text)
    }
    for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8').on('data', emit)

    let killTimer: NodeJS.Timeout | undefined
    const stop = () => {
      signalGroup(child.pid, 'SIGTERM')
      killTimer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), GRACE)
    }
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    child.once('error', (error) => {
      signal.removeEventListener('abort', stop)
      reject(
        new TowError('FAILED', `${child.spawnfile} could not be started: ${error.message}`, { cause: error }),
      )
    })
    // What a step leaves running in the background would hold its pipes open and outlive the build.
    child.once('exit', () => signalGroup(child.pid, 'SIGKILL'))
    child.once('close', (code, killedBy) => {
      clearTimeout(killTimer)
      signal.removeEventListener('abort', stop)
      const failure =
        code === 0 ? null : killedBy ? `was ended by ${killedBy}` : `failed with exit code ${code}`
      resolve({ failure, lastOutput })
    })
  })
}

function signalGroup(pid: number | undefined, name: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, name)
  } catch {
    // The group is gone already.
  }
}

/** Tells a process from a later one with the same id: clock ticks since boot on Linux, a date elsewhere. */
export function startTimeOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!
  } catch {
    try {
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
    } catch {
      return ''
    }
  }
}
