/**
 * The local engine's data plane: it starts and watches processes, routes requests to those that are ready, keeps what
 * they write, and goes on alone when the platform is away. It builds nothing, numbers nothing, and decides no rollout.
 */
import { existsSync, readdirSync } from 'node:fs'
import { TowError } from '../api/errors.ts'
import { createRouter } from '../router/router.ts'
import { limitsHere } from './cgroups.ts'
import { type Crons, createCrons } from './crons.ts'
import { createDoors, type Doors } from './doors.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { createLauncher, type Running } from './launcher.ts'
import { openTargetLogs, type TargetLogs } from './logs/target-logs.ts'
import { observationOf } from './observe.ts'
import { parseTargetName, pathsOf, targetName } from './paths.ts'
import { openSamples, type Samples } from './samples.ts'
import { openSeal } from './seal.ts'
import type { Desired, Ground, Observation, Problem, Target } from './shapes.ts'
import { isSame } from './shim/identity.ts'
import { prepareAhead, prepareShim } from './shim-files.ts'
import { openTables, ownersOf, type PortRanges } from './tables.ts'
import { createTarget, type TargetRuntime } from './target.ts'
import { createMeter } from './usage.ts'
import { iso, nameOf } from './words.ts'

export interface RunnerOptions {
  home: string
  keyPath: string
  ports: PortRanges
}

export interface Hosted {
  runtime: TargetRuntime
  jobs: Jobs
  crons: Crons
  logs: TargetLogs
  samples: Samples
}

export interface Runner {
  startedAt: string
  home: string
  ground(target: Target): Promise<Ground>
  apply(target: Target, generation: number, desired: Desired): void
  remove(target: Target, generation: number): void
  observe(target: Target): Observation
  targets(): Target[]
  /** Undefined for a target that is not known. */
  find(target: Target): Hosted | undefined
  /** The target's place, made where there is none: for jobs before the first apply. */
  host(target: Target): Hosted
  problems(): Problem[]
  /** Told after every change of the target, known or not; answers how to stop it. */
  onChange(target: Target, tell: () => void): () => void
  /** Ends the runner. With `apps` every process is stopped first; without, they go on and are adopted later. */
  close(options: { apps: boolean }): Promise<void>
}

const MEASURE_EVERY = 10_000
const LOOK_EVERY = 1000
const COLLECT_EVERY = 60_000
const ADOPTION_PATIENCE = 3000

export async function startRunner(options: RunnerOptions): Promise<Runner> {
  const now = Date.now
  const paths = pathsOf(options.home)
  const seal = openSeal(options.keyPath)
  const limits = limitsHere()
  const tables = openTables(`${paths.state}/tables.json`, options.ports, process.getuid?.() === 0, () =>
    ownersOf(`${paths.home}/dwellings`),
  )
  const watchers = new Map<string, Set<() => void>>()
  const router = createRouter({
    onWaiting(service, space) {
      const [environment = '', app = ''] = service.split('/')
      tell(targetName({ app, environment, space }))
    },
  })
  const doors: Doors = createDoors(router, tables, tellAll)
  const shimPath = prepareShim(paths.run)
  const aheadPath = prepareAhead(paths.home)
  const launcher = createLauncher({ processesFolder: paths.processes, shimPath, aheadPath, limits, now })
  const hosted = new Map<string, Hosted>()
  const broken: Problem[] = []

  function tell(name: string): void {
    for (const one of watchers.get(name) ?? []) one()
  }

  function tellAll(): void {
    for (const name of watchers.keys()) tell(name)
  }

  function host(target: Target): Hosted {
    const name = targetName(target)
    const known = hosted.get(name)
    if (known) return known
    const logs = openTargetLogs(paths.targetLogs(target))
    const changed = () => tell(name)
    const jobs = createJobs({
      target,
      paths,
      launcher,
      logs,
      uid: () => tables.uid(target),
      now,
      changed: () => {
        entry.runtime.converge()
        changed()
      },
    })
    const crons = createCrons({ file: paths.cronsFile(target), jobs, now, say: logs.say, changed })
    const samples = openSamples(paths.samples(target))
    const runtime = createTarget({
      target,
      paths,
      seal,
      launcher,
      doors,
      tables,
      logs,
      now,
      changed,
      setsInUse: jobs.setsInUse,
      gone: () => {
        crons.close()
        jobs.forget()
        samples.remove()
        logs.remove()
        hosted.delete(name)
        void doors.dismiss(target)
        changed()
      },
    })
    const entry: Hosted = { runtime, jobs, crons, logs, samples }
    hosted.set(name, entry)
    return entry
  }

  function observe(target: Target): Observation {
    const entry = hosted.get(targetName(target))
    const { addresses, problems } = doors.addresses(target)
    if (!entry) {
      const nothing = { generation: 0, settled: true, sets: [], split: [], crons: [] }
      return { target, at: iso(now()), ...nothing, addresses: { public: [], internal: null } }
    }
    const { runtime, crons } = entry
    return observationOf({
      target,
      memory: runtime.memory(),
      settled: runtime.settled(),
      lives: runtime.lives(),
      slots: runtime.slots(),
      crons: crons.observe(),
      inFlight: (set) => doors.inFlight(target, set),
      addresses,
      problems,
      demand: target.space === undefined ? null : doors.demand(target),
      passes: doors.passes(target),
      now: now(),
    })
  }

  function apply(target: Target, generation: number, desired: Desired): void {
    // Without one, nobody would guard the way into the space.
    if ((target.space === undefined) !== (desired.overlay === undefined)) {
      const what = desired.overlay
        ? 'with an overlay, which only a copy in a space has'
        : 'without an overlay'
      throw new TowError('BAD_INPUT', `${nameOf(target)} came ${what}`)
    }
    const missing = desired.sets.find((set) => !existsSync(set.workspace))
    if (missing)
      throw new TowError('NOT_FOUND', `the folder ${missing.workspace} of ${missing.id} is not there`)
    const entry = host(target)
    entry.runtime.apply(generation, desired)
    const { crons, sets } = entry.runtime.memory().desired
    entry.crons.update(crons, sets)
    void doors.admit(target).then(() => entry.runtime.converge())
  }

  const meter = createMeter(now)
  let measuredAt = 0
  async function measure(): Promise<void> {
    const lives = [...hosted.values()].flatMap((entry) =>
      entry.runtime.lives().map((live) => ({ entry, live, record: live.running.record })),
    )
    const fullRound = now() - measuredAt >= MEASURE_EVERY
    // Between two rounds only those that may not wait: with a limit to watch, or not measured at all yet.
    const due = lives.filter(
      ({ live, record }) =>
        fullRound || live.usage === null || (limits.memory === 'watched' && record.memoryMegabytes !== null),
    )
    const leaders = new Map(
      due.flatMap(({ live, record }) => {
        const pid = live.running.state()?.app.pid
        return pid === undefined ? [] : [[record.id, pid] as const]
      }),
    )
    if (fullRound) measuredAt = now()
    for (const { id, cpuPercent, memoryBytes } of await (fullRound ? meter : memoryMeter).measure(leaders)) {
      const { live, entry, record } = due.find((one) => one.record.id === id)!
      if (fullRound || live.usage === null) live.usage = { cpuPercent, memoryBytes }
      const most = record.memoryMegabytes === null ? null : record.memoryMegabytes * 1024 * 1024
      if (limits.memory === 'watched' && most !== null && memoryBytes > most && live.intent === null) {
        entry.runtime.end(live, 'memory')
      }
    }
    if (!fullRound) return
    for (const entry of hosted.values()) {
      const readings = entry.runtime.lives().flatMap((live) => {
        const { id, process: name, set } = live.running.record
        return live.usage ? [{ instance: id, process: name, set, ...live.usage }] : []
      })
      if (readings.length > 0) entry.samples.add(now(), readings)
    }
  }
  const memoryMeter = createMeter(now)

  function collect(): void {
    for (const { runtime, jobs, logs } of hosted.values()) {
      runtime.sweep()
      const records = [...runtime.lives().map((live) => live.running), ...jobs.running()].map(
        (one) => one.record.id,
      )
      logs.collect(new Set(records))
    }
  }

  await resume()
  const measuring = repeat(measure, LOOK_EVERY)
  const collecting = repeat(async () => collect(), COLLECT_EVERY)

  /** Everything from disk, everything that still runs, and only then the doors: nobody meets a half-known table. */
  async function resume(): Promise<void> {
    const folder = `${paths.state}/targets`
    const files = existsSync(folder) ? readdirSync(folder) : []
    for (const file of files.filter((name) => name.endsWith('.json'))) {
      const target = parseTargetName(file.slice(0, -'.json'.length))
      if (!target) continue
      try {
        host(target)
      } catch (error) {
        const hint = error instanceof TowError ? error.hint : undefined
        broken.push({
          code: 'state-unreadable',
          message: (error as Error).message,
          ...(hint ? { hint } : {}),
        })
      }
    }
    const checks: Promise<void>[] = []
    for (const running of await launcher.adoptAll()) {
      const entry = host(running.record.target)
      if (running.record.key === null) {
        const live = entry.runtime.adopt(running)
        checks.push(untilKnown(() => live.phase !== 'starting', running.ended))
      } else {
        entry.jobs.adopt(running)
        checks.push(untilToldIfOver(entry.jobs, running))
      }
    }
    await Promise.all(checks)
    for (const entry of hosted.values()) {
      entry.jobs.settleLost()
      const { crons, sets } = entry.runtime.memory().desired
      entry.crons.update(crons, sets)
      entry.runtime.converge()
    }
    await doors.open()
    await Promise.all([...hosted.values()].map((entry) => doors.admit(entry.runtime.target)))
  }

  return {
    startedAt: iso(now()),
    home: options.home,
    async ground(target) {
      const { public: open, internal } = await doors.plannedAddresses(target)
      return { uid: tables.uid(target), public: open, internal }
    },
    apply,
    remove(target, generation) {
      const entry = host(target)
      entry.runtime.remove(generation)
      entry.crons.update([], [])
      for (const running of entry.jobs.running()) entry.jobs.cancel(running.record.key!)
    },
    observe,
    targets: () => [...hosted.values()].map((entry) => entry.runtime.target),
    find: (target) => hosted.get(targetName(target)),
    host,
    problems: () =>
      [
        ...broken,
        ...[...hosted.values()].map((entry) => entry.runtime.problem()),
        tables.problem(),
        doors.edgeProblem(),
      ].filter((problem) => problem !== null),
    onChange(target, tell) {
      const name = targetName(target)
      const mine = watchers.get(name) ?? new Set()
      watchers.set(name, mine.add(tell))
      return () => {
        mine.delete(tell)
        if (mine.size === 0 && watchers.get(name) === mine) watchers.delete(name)
      }
    },
    async close({ apps }) {
      measuring.stop()
      collecting.stop()
      const all = [...hosted.values()]
      for (const entry of all) entry.crons.close()
      if (apps) await Promise.all(all.flatMap((entry) => [entry.runtime.stopAll(), entry.jobs.stopAll()]))
      for (const entry of all) {
        entry.runtime.close()
        entry.logs.close()
      }
      await doors.close(apps ? 1000 : 0)
    },
  }
}

/** A job that ended meanwhile is told with its end from the first answer on, never as running. */
async function untilToldIfOver(jobs: Jobs, running: Running): Promise<void> {
  const state = await running.started
  if (!state || !isSame(state.shim)) await jobs.ended(running.record.key!).catch(() => {})
}

/** Settles when `known` says so, or the process ended, or patience did. */
async function untilKnown(known: () => boolean, ended: Promise<unknown>): Promise<void> {
  const until = performance.now() + ADOPTION_PATIENCE
  let over = false
  void ended.then(() => {
    over = true
  })
  while (!known() && !over && performance.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 10))
}

/** Never two at once; a failure of one round is not the end of the next. */
function repeat(action: () => Promise<void>, every: number): { stop(): void } {
  let stopped = false
  const round = async () => {
    if (stopped) return
    await action().catch(() => {})
    if (!stopped) setTimeout(round, every).unref()
  }
  setTimeout(round, every).unref()
  return {
    stop() {
      stopped = true
    },
  }
}
