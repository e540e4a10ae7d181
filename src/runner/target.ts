/**
 * One target: gathers what is seen, asks `plan` what to do, does it, and again after every change. All state is here
 * or on disk; no decision is.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { DEFAULT_LOG_POLICY } from '../api/app-spec.ts'
import { TowError } from '../api/errors.ts'
import type { Doors } from './doors.ts'
import { environmentOf, prepareDwelling } from './environment.ts'
import { restartInPlace } from './in-place.ts'
import type { Launcher, Running } from './launcher.ts'
import { type Live, watchLive } from './live.ts'
import type { TargetLogs } from './logs/target-logs.ts'
import { openTargetStore, type SlotMemory, type TargetMemory } from './memory.ts'
import type { Paths } from './paths.ts'
import { type Action, type Facts, type Instance, plan, slotKey, TRAFFIC_PROCESS } from './plan.ts'
import type { Seal } from './seal.ts'
import { copyOf, serviceOf } from './service.ts'
import { watchSetFolders } from './set-folders.ts'
import type { CountedProcess, Desired, DesiredSet, Problem, Restarted, Target } from './shapes.ts'
import { openSlots } from './slots.ts'
import type { Tables } from './tables.ts'
import {
  describeEnding,
  type Intent,
  isProblem,
  layoutMissing,
  memoryLost,
  nameOf,
  startFailed,
} from './words.ts'

export interface TargetParts {
  target: Target
  paths: Paths
  seal: Seal
  launcher: Launcher
  doors: Doors
  tables: Tables
  logs: TargetLogs
  now: () => number
  /** Told after every change that an observer could see. */
  changed: () => void
  /** Sets that jobs run in, which keep their folders. */
  setsInUse: () => Set<string>
  /** Nothing of it is left. */
  gone: () => void
}

export interface TargetRuntime {
  readonly target: Target
  memory(): TargetMemory
  lives(): Live[]
  slots(): ReadonlyMap<string, SlotMemory>
  settled(): boolean
  /** What is wrong with what was kept of it. */
  problem(): Problem | null
  apply(generation: number, desired: Desired): void
  remove(generation: number): void
  adopt(running: Running): Live
  converge(): void
  /** Removes what no order ever came for, e.g. the folder of a set whose release command failed. */
  sweep(): void
  /** Ends every process as if it had been asked for; it comes back with the next start of the runner. */
  stopAll(): Promise<void>
  end(live: Live, intent: Intent): void
  /** Starts the commands of a live set anew, as far as they don't reload by themselves. */
  restart(set: string): Promise<Restarted>
  /** Stops watching; processes go on. */
  close(): void
}

const RAN_WELL = 60_000
const SHORTEST_DRAIN = 5000
const NOTHING: Desired = { sets: [], split: [], crons: [] }

export function createTarget(parts: TargetParts): TargetRuntime {
  const { target, launcher, doors, tables, logs, now } = parts
  const store = openTargetStore(parts.paths, parts.seal, target)
  const kept = store.load()
  /** True until it is known again what is asked for: whatever runs is left alone. */
  let untold = kept !== null && 'damaged' in kept
  const unwatched: { live: Live; signal: AbortSignal }[] = []
  let memory: TargetMemory =
    kept !== null && !('damaged' in kept)
      ? kept
      : {
          // One less than it was: the same is told once more, and nothing older is taken.
          generation: Math.max(0, (kept?.generation ?? 0) - 1),
          desired: NOTHING,
          removed: false,
          split: [],
          retained: [],
        }
  const slots = openSlots(store)
  const folders = watchSetFolders(parts.paths.targetSets(target), knownSets())
  const lives = new Map<string, Live>()
  /** Asked for, but not launched yet; by slot. */
  const starting = new Map<string, Instance>()
  const watches = new Set<AbortController>()
  let closed = false
  let timer: NodeJS.Timeout | null = null
  let scheduled = false
  let settled = false
  let halted = false

  function facts(): Facts {
    const instances = [...lives.values()].map(({ running: { record }, phase, intent }) => ({
      id: record.id,
      set: record.set,
      process: record.process,
      slot: record.slot,
      epoch: record.epoch,
      phase,
      failing: intent !== null && intent !== 'asked',
    }))
    return {
      instances: [...instances, ...starting.values()],
      slots: slots.all(),
      split: memory.split,
      retained: memory.retained,
    }
  }

  function converge(): void {
    if (scheduled || halted) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      if (!halted) step()
    })
  }

  function step(): void {
    if (timer) clearTimeout(timer)
    if (untold) {
      parts.changed()
      return
    }
    const next = plan(memory.desired, facts(), now())
    const moved = JSON.stringify([memory.split, memory.retained.map((set) => set.id)])
    if (moved !== JSON.stringify([next.split, next.retained.map((set) => set.id)])) {
      memory = { ...memory, split: next.split, retained: next.retained }
      store.save(memory)
    }
    settled = next.settled
    // In one turn, so that no request comes between: what leaves is drained while the router still knows it, and
    // what takes over is told at the same time.
    for (const action of next.actions) if (action.kind === 'drain') act(action)
    const service = serviceOf(target, memory, [...lives.values()], slots.all())
    if (target.space === undefined) doors.publish(target, service)
    else doors.publishCopy(target, copyOf(target.space, service, memory))
    for (const action of next.actions) if (action.kind !== 'drain') act(action)
    folders.collect(knownSets(), new Set([...running(), ...parts.setsInUse()]))
    if (next.wakeAt !== null) timer = setTimeout(converge, Math.max(0, next.wakeAt - now())).unref()
    parts.changed()
    if (memory.removed && settled && lives.size === 0 && parts.setsInUse().size === 0) vanish()
  }

  function act(action: Action): void {
    if (action.kind === 'start') void start(action)
    else {
      const live = lives.get(action.id)
      if (!live) return
      if (action.kind === 'stop') end(live, 'asked')
      else drain(live)
    }
  }

  function drain(live: Live): void {
    const { record } = live.running
    live.phase = 'draining'
    const over = () => {
      if (live.phase === 'draining') live.phase = 'drained'
      converge()
    }
    const within = Math.max(SHORTEST_DRAIN, record.graceSeconds * 1000)
    if (record.port === null) over()
    else doors.drain(record.id, within).then(over, over)
  }

  function end(live: Live, intent: Intent): void {
    live.intent ??= intent
    live.phase = 'stopping'
    if (intent === 'memory') live.running.kill()
    else live.running.stop()
    converge()
  }

  async function start(action: Action & { kind: 'start' }): Promise<void> {
    const set = knownSets().find((one) => one.id === action.set)!
    const key = slotKey(action)
    const id = `${action.process}.${action.slot}-${randomBytes(3).toString('hex')}`
    // Known before anything is awaited, or the next step would start it once more.
    starting.set(key, { id, ...action, phase: 'starting' })
    try {
      if (!existsSync(set.workspace)) throw layoutMissing(set.workspace)
      const running = await launch(set, action, id)
      follow(
        {
          running,
          phase: 'starting',
          startedAt: now(),
          healthySince: null,
          problem: null,
          intent: null,
          usage: null,
        },
        set.processes[action.process],
      )
    } catch (error) {
      slots.notStarted(key, id, isProblem(error) ? error : startFailed(action, error as Error), now())
    }
    starting.delete(key)
    converge()
  }

  async function launch(set: DesiredSet, at: Action & { kind: 'start' }, id: string): Promise<Running> {
    const spec = set.processes[at.process]!
    const port = at.process === TRAFFIC_PROCESS ? await tables.borrowPort() : null
    const debugPort = set.live ? await tables.borrowPort() : undefined
    // Everything was told to end meanwhile.
    if (halted) throw startFailed(at, new Error('the runner is ending'))
    const uid = tables.uid(target)
    const dwelling = parts.paths.dwelling(target)
    prepareDwelling(dwelling, uid)
    const record = {
      id,
      target,
      set: set.id,
      release: set.release,
      process: at.process,
      slot: at.slot,
      epoch: at.epoch,
      port,
      key: null,
      graceSeconds: spec.graceSeconds,
      attachSocket: null,
      memoryMegabytes: spec.memoryMegabytes ?? null,
      ...(debugPort === undefined ? {} : { inPlace: true, debugPort }),
    }
    const name = `${at.process}.${at.slot}`
    return launcher.launch({
      record,
      logFolder: logs.folderFor(record),
      logs: spec.logs ?? DEFAULT_LOG_POLICY,
      command: set.live?.commands[at.process] ?? spec.command,
      cwd: set.workspace,
      env: environmentOf({ target, set, process: name, port, debugPort, dwelling, tty: false }),
      uid,
      timeoutSeconds: null,
      tty: null,
      stdin: false,
      cpuMillis: spec.cpuMillis,
    })
  }

  function follow(live: Live, spec: CountedProcess | undefined): void {
    const { record } = live.running
    lives.set(record.id, live)
    const over = new AbortController()
    watches.add(over)
    watch(live, spec, over.signal)
    void live.running.ended.then((ending) => {
      over.abort()
      watches.delete(over)
      if (closed) return
      takeIn(live, describeEnding(ending, live.intent, record), ending.kind === 'exit' && ending.outOfMemory)
    })
    converge()
  }

  /** Of a set that nobody knows yet, it waits until it is known what was asked for. */
  function watch(live: Live, spec: CountedProcess | undefined, signal: AbortSignal): void {
    if (spec) void watchLive(live, spec, now, signal, converge, (intent) => end(live, intent))
    else if (untold) unwatched.push({ live, signal })
  }

  function specOf({ set, process }: { set: string; process: string }): CountedProcess | undefined {
    return knownSets().find(({ id }) => id === set)?.processes[process]
  }

  /** A process has ended: remembers how, says it, and forgets its files, in this order. */
  function takeIn(live: Live, lastExit: SlotMemory['lastExit'] & object, outOfMemory: boolean): void {
    const { record } = live.running
    const key = slotKey(record)
    const name = `${record.process}.${record.slot}`
    lives.delete(record.id)
    const leaving = live.phase === 'draining' || live.phase === 'drained'
    if (live.intent === 'asked' || (leaving && live.intent === null)) slots.left(key, record.id, lastExit)
    else {
      slots.failed(key, {
        id: record.id,
        name,
        lastExit,
        problem: live.problem,
        lastLines: logs.lastLines(record.id),
        memoryMegabytes: outOfMemory || live.intent === 'memory' ? record.memoryMegabytes : null,
        ranWell: live.healthySince !== null && now() - live.healthySince > RAN_WELL,
        at: now(),
      })
      logs.say(record, `${name} ${lastExit.reason}${live.problem ? `: ${live.problem.message}` : ''}`)
    }
    live.running.forget()
    converge()
  }

  function knownSets(): DesiredSet[] {
    return [...memory.desired.sets, ...memory.retained]
  }

  function accept(generation: number, next: Omit<TargetMemory, 'generation' | 'split'>): void {
    if (generation < memory.generation) {
      throw new TowError(
        'CONFLICT',
        `generation ${generation} of ${nameOf(target)} is older than ${memory.generation}, which is in force`,
      )
    }
    const same = generation === memory.generation && (memory.removed || !next.removed)
    const changed = { ...memory, ...next, generation }
    if (!same) {
      store.save(changed)
      memory = changed
      untold = false
      for (const { live, signal } of unwatched.splice(0)) watch(live, specOf(live.running.record), signal)
      slots.keepOnly(knownSets())
    }
    converge()
  }

  /** Sets that something runs of, asked for or not. */
  function running(): string[] {
    return [...lives.values()].map((live) => live.running.record.set)
  }

  function vanish(): void {
    halted = true
    store.forget()
    for (const folder of [parts.paths.targetSets(target), parts.paths.dwelling(target)]) {
      rmSync(folder, { recursive: true, force: true })
    }
    parts.gone()
  }

  return {
    target,
    memory: () => memory,
    lives: () => [...lives.values()],
    slots: slots.all,
    settled: () => settled,
    problem: () => (untold && kept && 'damaged' in kept ? memoryLost(target, kept) : null),
    apply: (generation, desired) =>
      accept(generation, { desired, removed: false, retained: leavers(memory, desired) }),
    remove: (generation) => accept(generation, { desired: NOTHING, removed: true, retained: [] }),
    adopt(running) {
      const { record } = running
      const live: Live = {
        running,
        phase: 'starting',
        startedAt: record.createdAt,
        healthySince: null,
        problem: null,
        intent: null,
        usage: null,
      }
      follow(live, specOf(record))
      return live
    },
    converge,
    sweep() {
      if (!untold) folders.sweep(now())
    },
    async stopAll() {
      halted = true
      for (const live of lives.values()) {
        live.intent ??= 'asked'
        live.running.stop()
      }
      await Promise.all([...lives.values()].map((live) => live.running.ended))
    },
    end,
    async restart(id) {
      const set = memory.desired.sets.find((one) => one.id === id)
      if (!set?.live) throw new TowError('NOT_FOUND', `no set ${id} of ${target.app} follows files`)
      return restartInPlace([...lives.values()], set, () => {
        if (!halted) step()
      })
    },
    close() {
      halted = true
      closed = true
      for (const watch of watches) watch.abort()
      if (timer) clearTimeout(timer)
    },
  }
}

/** Sets that the new wish leaves out; `plan` keeps those that serve. */
function leavers(memory: TargetMemory, desired: Desired): DesiredSet[] {
  const ids = new Set(desired.sets.map((set) => set.id))
  return [...memory.desired.sets, ...memory.retained].filter((set) => !ids.has(set.id))
}
