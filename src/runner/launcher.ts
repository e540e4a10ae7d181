/**
 * Starts shims, finds those of an earlier runner again, and tells how each ended. It knows one process at a time:
 * whether a new one is started is decided elsewhere.
 */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, watch } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { aheadEnvironment, mayBeginAhead } from '../workspace/ahead.ts'
import { adoptControlGroup, type ControlGroup, createControlGroup, type LimitsHere } from './cgroups.ts'
import { readJson, writeWhole } from './durable.ts'
import { sessionMembers } from './processes.ts'
import type { Target } from './shapes.ts'
import { isSame } from './shim/identity.ts'
import {
  AHEAD_CHANNEL,
  AHEAD_WORD,
  CLAIM,
  EXIT,
  type ShimExit,
  type ShimSpec,
  type ShimState,
  STATE,
} from './shim/spec.ts'

/** What the runner writes down before it starts a shim; no secrets. */
export interface InstanceRecord {
  id: string
  target: Target
  set: string
  release: number
  process: string
  /** 0 for jobs. */
  slot: number
  epoch: number
  port: number | null
  /** For a debugger, in a live set. */
  debugPort?: number
  /** Of a job. */
  key: string | null
  createdAt: number
  graceSeconds: number
  controlGroups: string[]
  attachSocket: string | null
  memoryMegabytes: number | null
  /** Its command is started anew without it. */
  inPlace?: boolean
}

export type Ending =
  | { kind: 'exit'; exit: ShimExit; outOfMemory: boolean }
  /** Its shim was killed: what it wrote and how it ended is lost; its group was ended. */
  | { kind: 'orphaned'; at: number }
  /** The shim never came to start it. */
  | { kind: 'never'; message: string; at: number }

export interface Running {
  record: InstanceRecord
  /** Null when it could not be started. */
  started: Promise<ShimState | null>
  state(): ShimState | null
  ended: Promise<Ending>
  /** SIGTERM, the grace, SIGKILL; the shim does it even if this runner dies now. */
  stop(): void
  kill(): void
  /** In place: the command starts anew, also where it has ended. Settles once it has, or after some seconds. */
  restart(): Promise<void>
  /** In place: told when the command has started or ended; answers how to stop it. */
  onLife(tell: () => void): () => void
  /** Forgets the files once its end was taken in. */
  forget(): void
}

export interface LaunchOrder {
  record: Omit<InstanceRecord, 'controlGroups' | 'createdAt'>
  logFolder: string | null
  /** Null for jobs: they end, and who attached wants all of it at once. */
  logs: 'block' | 'drop' | null
  command: string
  cwd: string
  env: Record<string, string>
  uid: number | null
  timeoutSeconds: number | null
  tty: { columns: number; rows: number } | null
  stdin: boolean
  cpuMillis: number | undefined
}

export interface Launcher {
  launch(order: LaunchOrder): Running
  /** Everything that an earlier runner started, running or ended since. */
  adoptAll(): Promise<Running[]>
}

const SEGMENT_BYTES = 2 * 1024 * 1024
const INSTANCE_LOG_BYTES = 32 * 1024 * 1024
/** Half of an instance's log may come at once; at this rate all of it is four seconds, which a reader can keep up with. */
const KEPT_AT_MOST = { bytesPerSecond: 8 * 1024 * 1024, burstBytes: 16 * 1024 * 1024 }
const ADOPTED_POLL = 200
const CLAIM_PATIENCE = 5000
const RESTART_PATIENCE = 5000

export function createLauncher(options: {
  processesFolder: string
  shimPath: string
  /** Has a life of Node wait for its turn; every app may read it. */
  aheadPath: string
  limits: LimitsHere
  now: () => number
}): Launcher {
  const folderOf = (id: string) => `${options.processesFolder}/${id}`

  function launch(order: LaunchOrder): Running {
    const folder = folderOf(order.record.id)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const memoryMegabytes = order.record.memoryMegabytes ?? undefined
    const group = createControlGroup(options.limits, order.record.id, {
      cpuMillis: order.cpuMillis,
      memoryMegabytes,
    })
    const controlGroups = group?.folders ?? []
    const record: InstanceRecord = { ...order.record, controlGroups, createdAt: options.now() }
    writeWhole(`${folder}/record.json`, JSON.stringify(record))
    const spec: ShimSpec = {
      folder,
      logFolder: order.logFolder,
      logPolicy: order.logs === null ? null : { kind: order.logs, ...KEPT_AT_MOST },
      command: withoutShell(order.command),
      cwd: order.cwd,
      env: order.env,
      uid: order.uid,
      gid: order.uid,
      graceSeconds: record.graceSeconds,
      timeoutSeconds: order.timeoutSeconds,
      tty: order.tty,
      stdin: order.stdin,
      attachSocket: record.attachSocket,
      controlGroups,
      nice:
        order.cpuMillis !== undefined && options.limits.cpu === 'advisory' && order.cpuMillis < 1000 ? 5 : 0,
      segmentBytes: SEGMENT_BYTES,
      totalBytes: INSTANCE_LOG_BYTES,
      inPlace: record.inPlace === true,
      ahead:
        record.inPlace && mayBeginAhead(order.command, order.env.NODE_OPTIONS)
          ? aheadEnvironment(options.aheadPath, AHEAD_CHANNEL, AHEAD_CHANNEL, AHEAD_WORD)
          : null,
    }
    const shim = spawn(process.execPath, ['--max-semi-space-size=1', options.shimPath], {
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      cwd: '/',
      env: {},
    })
    shim.unref()
    shim.stdin.on('error', () => {})
    shim.stdin.end(JSON.stringify(spec))
    const gone = new Promise<string>((resolve) => {
      shim.on('error', (error) => resolve(error.message))
      shim.on('exit', (code, signal) =>
        resolve(`the shim ended with ${signal ?? code} before it started the app`),
      )
    })
    const started = new Promise<ShimState | null>((resolve) => {
      shim.stdout.once('data', () => resolve(readJson<ShimState>(`${folder}/${STATE}`) ?? null))
      void gone.then(() => resolve(readJson<ShimState>(`${folder}/${STATE}`) ?? null))
    })
    const ended = gone.then((message) => readEnding(folder, group, message))
    return running(record, folder, group, started, ended)
  }

  function running(
    record: InstanceRecord,
    folder: string,
    group: ControlGroup | null,
    started: Promise<ShimState | null>,
    ended: Promise<Ending>,
  ): Running {
    const read = () => readJson<ShimState>(`${folder}/${STATE}`) ?? null
    let state = read()
    void started.then((now) => {
      state = now
    })
    /** A command that starts anew in place is another process each time. */
    const current = () => (record.inPlace ? (read() ?? state) : state)
    function onLife(tell: () => void): () => void {
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        if (name === STATE) tell()
      })
      watcher.on('error', () => {})
      return () => watcher.close()
    }
    const signalShim = (signal: NodeJS.Signals) =>
      void started.then((now) => {
        if (now && isSame(now.shim)) process.kill(now.shim.pid, signal)
      })
    return {
      record,
      started,
      state: current,
      ended,
      stop: () => signalShim('SIGTERM'),
      kill: () =>
        void started.then(() => {
          const now = current()
          if (now && isSame(now.shim) && isSame(now.app)) signalGroup(now.app.pid, 'SIGKILL')
        }),
      async restart() {
        const before = current()?.app
        const reborn = Promise.withResolvers<void>()
        const isReborn = () => {
          const now = current()
          if (now && !now.ended && now.app.start + now.app.pid !== (before?.start ?? '') + before?.pid)
            reborn.resolve()
        }
        const leave = onLife(isReborn)
        signalShim('SIGUSR2')
        await Promise.race([reborn.promise, ended, delay(RESTART_PATIENCE, undefined, { ref: false })])
        leave()
      },
      onLife,
      forget() {
        group?.remove()
        rmSync(folder, { recursive: true, force: true })
      },
    }
  }

  async function readEnding(folder: string, group: ControlGroup | null, message: string): Promise<Ending> {
    const exit = readJson<ShimExit>(`${folder}/${EXIT}`)
    if (exit) return { kind: 'exit', exit, outOfMemory: group?.ranOutOfMemory() ?? false }
    const state = readJson<ShimState>(`${folder}/${STATE}`)
    if (!state) return { kind: 'never', message, at: options.now() }
    await endOrphans(state)
    return { kind: 'orphaned', at: options.now() }
  }

  async function adoptAll(): Promise<Running[]> {
    const names = existsSync(options.processesFolder) ? readdirSync(options.processesFolder) : []
    const records = names.map((name) => ({
      folder: folderOf(name),
      record: readJson<InstanceRecord>(`${folderOf(name)}/record.json`),
    }))
    for (const { folder, record } of records) if (!record) await endUnknown(folder)
    return records.flatMap(({ folder, record }) => {
      if (!record) return []
      const group = adoptControlGroup(record.controlGroups)
      const started = findState(folder)
      const ended = started.then(async (state) => {
        while (state && !existsSync(`${folder}/${EXIT}`) && isSame(state.shim)) {
          await delay(ADOPTED_POLL, undefined, { ref: false })
        }
        return readEnding(folder, group, 'the runner ended before it could be started')
      })
      return [running(record, folder, group, started, ended)]
    })
  }

  return { launch, adoptAll }
}

/**
 * A plain command takes the place of its shell: one process less, and its exit and signals are the app's own. What
 * begins with an assignment or a word of the shell, or holds an operator, stays as it is.
 */
export function withoutShell(command: string): string {
  const plain = /^\s*[\w./-]+(\s+[^;&|<>()`\n]*)?$/.test(command)
  const word = /^\s*([\w./-]+)/.exec(command)?.[1] ?? ''
  return plain && !SHELL_WORDS.has(word) ? `exec ${command.trimStart()}` : command
}

const SHELL_WORDS = new Set(
  '. : alias bg break case cd command continue do done echo elif else esac eval exec exit export fg fi for function getopts hash if in jobs kill printf pwd read readonly return select set shift source test then time times trap true false type ulimit umask unalias unset until wait while'.split(
    ' ',
  ),
)

/**
 * A shim that was on its way when the runner died may still start its app. Taking the claim first stops it for good;
 * where the shim was first, its state appears at once.
 */
async function findState(folder: string): Promise<ShimState | null> {
  const read = () => readJson<ShimState>(`${folder}/${STATE}`) ?? null
  if (read()) return read()
  try {
    closeSync(openSync(`${folder}/${CLAIM}`, 'wx', 0o600))
    return null
  } catch {}
  for (let waited = 0; waited < CLAIM_PATIENCE; waited += 50) {
    if (read() || existsSync(`${folder}/${EXIT}`)) return read()
    await delay(50)
  }
  return null
}

/** Nobody knows any more what it was started for: it ends, and its place is filled anew. */
async function endUnknown(folder: string): Promise<void> {
  const state = readJson<ShimState>(`${folder}/${STATE}`)
  if (state && isSame(state.shim)) process.kill(state.shim.pid, 'SIGKILL')
  if (state) await endOrphans(state)
  rmSync(folder, { recursive: true, force: true })
}

/** What lives on without its shim: its output goes nowhere, so it is ended as a whole. */
async function endOrphans(state: ShimState): Promise<void> {
  const members = await sessionMembers(state.app.pid)
  if (!isSame(state.app) && members.length === 0) return
  // The group of a leader that is gone keeps its number for as long as it has members.
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    signalGroup(state.app.pid, signal)
    const until = performance.now() + 3000
    while (performance.now() < until) {
      if ((await sessionMembers(state.app.pid)).length === 0) return
      await delay(50)
    }
  }
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal)
  } catch {}
}
