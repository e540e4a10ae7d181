/**
 * A model of an engine: processes, split, jobs and fencing as plain state under a clock that only moves when told to.
 * Synchronous and without any input or output, so that a simulator can run thousands of schedules over it. It does
 * deliberately no work of its own between calls: `advance` is the only thing that lets time pass.
 */
import { TowError } from '../src/api/errors.ts'
import type {
  Demand,
  Desired,
  DesiredSet,
  Job,
  JobStatus,
  Observation,
  ObservedProcess,
  Target,
} from '../src/engines/engine.ts'

export interface Behaviour {
  /** Milliseconds until a process is healthy, or fails. */
  bootMs: number
  outcome: 'healthy' | 'crash' | 'never' | 'layout-failed' | 'refused'
  /** Milliseconds from the request to stop to the end. */
  stopMs: number
  /** How commands of this release end, and after how many milliseconds. */
  job: { ms: number; state: 'succeeded' | 'failed' | 'unknown' }
}

export const WELL_BEHAVED: Behaviour = {
  bootMs: 100,
  outcome: 'healthy',
  stopMs: 50,
  job: { ms: 100, state: 'succeeded' },
}

interface ModelProcess extends ObservedProcess {
  dueAt: number
  epoch: number
}

interface ModelTarget {
  target: Target
  generation: number
  desired: Desired
  processes: ModelProcess[]
  /** Requests under way: which set answers them, and when they are done. */
  requests: { set: string; endsAt: number }[]
  /** Since when nothing is routed to a set any more. */
  offSince: Map<string, number>
}

interface ModelJob extends JobStatus {
  target: Target
  dueAt: number
  ends: 'succeeded' | 'failed' | 'unknown'
}

/** `missions/stage`, or `missions/stage/mine` in a space. */
export const placeOf = ({ app, environment, space }: Target): string =>
  [app, environment, ...(space === undefined ? [] : [space])].join('/')

export const modelHost = ({ app, environment, space }: Target): string =>
  `${space === undefined ? app : `${app}--${space}`}.${environment}.localhost`

const NOTHING: Desired = { sets: [], split: [{ weights: {} }], crons: [] }
const RETRY_MS = 200

export function createModelWorld({
  start = 1_700_000_000_000,
  /** False for an engine that lets an older generation pass: what must never be. */
  fenced = true,
} = {}) {
  let now = start
  let serial = 0
  let targets = new Map<string, ModelTarget>()
  const jobs = new Map<string, ModelJob>()
  const foreign = new Set<string>()
  const demands = new Map<string, Partial<Demand>>()
  const behaviours = new Map<string, Partial<Behaviour>>()
  /** How often a job was really started, by key. */
  const starts = new Map<string, number>()
  /** Requests that lost their set before they, or their grace, were over. */
  const cut: string[] = []

  const name = placeOf
  function behaviour(target: Target, release: number): Behaviour {
    return {
      ...WELL_BEHAVED,
      ...behaviours.get(name(target)),
      ...behaviours.get(`${name(target)}/${release}`),
    }
  }

  function known(target: Target): ModelTarget {
    const found = targets.get(name(target))
    if (found) return found
    const fresh: ModelTarget = {
      target,
      generation: 0,
      desired: NOTHING,
      processes: [],
      requests: [],
      offSince: new Map(),
    }
    targets.set(name(target), fresh)
    return fresh
  }

  function fence(model: ModelTarget, generation: number) {
    if (!fenced || generation >= model.generation) return
    throw new TowError('CONFLICT', `generation ${generation} is older than ${model.generation}`)
  }

  function apply(target: Target, generation: number, desired: Desired): void {
    const model = known(target)
    if (foreign.has(name(target))) throw new TowError('REFUSED', `${target.app} belongs to another platform`)
    fence(model, generation)
    if (generation === model.generation && model.desired !== NOTHING) return
    const refused = desired.sets.find((set) => behaviour(target, set.release).outcome === 'refused')
    if (refused) throw new TowError('REFUSED', `${refused.id} does not run here`)
    cutOff(model, desired)
    model.generation = generation
    model.desired = desired
    converge(model)
    replaceOld(model)
  }

  /** A set that goes while it still answers takes its requests with it, unless their time was up or nothing is left. */
  function cutOff(model: ModelTarget, next: Desired) {
    const weights = next.split.at(-1)?.weights ?? {}
    for (const { id, processes } of model.desired.sets) {
      if ((weights[id] ?? 0) > 0) model.offSince.delete(id)
      else if (!model.offSince.has(id)) model.offSince.set(id, now)
      if (next.sets.length === 0 || next.sets.some((set) => set.id === id)) continue
      const grace = (processes.web?.graceSeconds ?? 0) * 1000
      const isDue = now - (model.offSince.get(id) ?? now) >= grace
      const lost = model.requests.filter((one) => one.set === id && one.endsAt > now)
      if (lost.length > 0 && !isDue) cut.push(`${lost.length} requests of ${id} were cut off`)
      model.requests = model.requests.filter((one) => one.set !== id)
    }
  }

  function converge(model: ModelTarget) {
    const wanted = new Map<string, { set: DesiredSet; count: number }>()
    for (const set of model.desired.sets) {
      if (behaviour(model.target, set.release).outcome === 'layout-failed') continue
      for (const [process, { count }] of Object.entries(set.processes))
        wanted.set(`${set.id} ${process}`, { set, count })
    }
    for (const process of model.processes) {
      if (process.state !== 'stopping' && !wanted.has(`${process.set} ${process.process}`))
        stop(model, process)
    }
    for (const [key, { set, count }] of wanted) {
      const process = key.slice(set.id.length + 1)
      const running = model.processes
        .filter((one) => one.set === set.id && one.process === process && one.state !== 'stopping')
        .sort((a, b) => Number(a.state === 'healthy') - Number(b.state === 'healthy'))
      const missing = count - running.length
      while (running.length > count + (isReplaced(model, running, process) ? 1 : 0))
        stop(model, running.shift() as ModelProcess)
      for (let more = missing; more > 0; more -= 1) begin(model, set, process)
    }
  }

  function begin(model: ModelTarget, set: DesiredSet, process: string) {
    serial += 1
    model.processes.push({
      id: `${process}.${serial}`,
      process,
      set: set.id,
      state: 'starting',
      startedAt: new Date(now).toISOString(),
      restarts: 0,
      dueAt: now + behaviour(model.target, set.release).bootMs,
      epoch: epochOf(model, process),
    })
  }

  function releaseOf(model: ModelTarget, set: string): number {
    return model.desired.sets.find((one) => one.id === set)?.release ?? Number(set.slice(1))
  }

  function stop(model: ModelTarget, process: ModelProcess) {
    process.state = 'stopping'
    process.dueAt = now + behaviour(model.target, releaseOf(model, process.set)).stopMs
  }

  function move(model: ModelTarget, process: ModelProcess) {
    const { outcome, bootMs } = behaviour(model.target, releaseOf(model, process.set))
    if (process.state === 'waiting') {
      process.state = 'starting'
      process.dueAt = now + bootMs
    } else if (process.state === 'starting' && outcome === 'healthy') {
      process.state = 'healthy'
    } else if (process.state === 'starting' && outcome === 'crash') {
      process.restarts += 1
      process.state = 'waiting'
      process.dueAt = now + RETRY_MS
      process.lastExit = { code: 1, at: new Date(now).toISOString(), reason: 'ended with 1' }
      if (process.restarts >= 2) {
        process.problem = {
          code: 'crash-loop',
          message: 'it ended with 1 twice before it was healthy',
          lastLines: ['Error: cannot find the map'],
        }
      }
    }
  }

  const epochOf = (model: ModelTarget, process: string) => model.desired.restarts?.[process] ?? 0

  /** What takes traffic has its successor up before it goes. */
  function isReplaced(model: ModelTarget, group: readonly ModelProcess[], process: string): boolean {
    return process === 'web' && group.some((one) => one.epoch < epochOf(model, process))
  }

  /** One process of each set at a time; true where something was done. */
  function replaceOne(model: ModelTarget): boolean {
    for (const set of model.desired.sets) {
      for (const [process, { count }] of Object.entries(set.processes)) {
        const group = model.processes.filter(
          (one) => one.set === set.id && one.process === process && one.state !== 'stopping',
        )
        const epoch = epochOf(model, process)
        const old = group.find((one) => one.epoch < epoch)
        if (!old || group.some((one) => one.epoch >= epoch && one.state !== 'healthy')) continue
        const successors = group.filter((one) => one.epoch >= epoch).length
        const isReady = successors > 0 && group.length > count
        if (process === 'web' && !isReady) begin(model, set, process)
        else {
          stop(model, old)
          converge(model)
        }
        return true
      }
    }
    return false
  }

  function replaceOld(model: ModelTarget) {
    while (replaceOne(model));
  }

  function step() {
    for (const model of targets.values()) {
      model.processes = model.processes.filter((one) => one.state !== 'stopping' || one.dueAt > now)
      for (const process of model.processes) if (process.dueAt <= now) move(model, process)
      replaceOld(model)
    }
    for (const model of targets.values()) model.requests = model.requests.filter((one) => one.endsAt > now)
    for (const job of jobs.values()) {
      if (job.state === 'running' && job.dueAt <= now) finish(job, job.ends)
    }
  }

  function finish(job: ModelJob, state: 'succeeded' | 'failed' | 'unknown', reason?: string) {
    job.state = state
    job.endedAt = new Date(now).toISOString()
    if (state === 'succeeded') job.exit = 0
    if (state === 'failed') job.exit = 1
    if (reason) job.reason = reason
  }

  function isSettled(model: ModelTarget): boolean {
    const asked = model.desired.sets.flatMap((set) =>
      Object.entries(set.processes).map(([process, { count }]) => ({ set: set.id, process, count })),
    )
    const total = asked.reduce((sum, { count }) => sum + count, 0)
    return (
      model.processes.length === total &&
      asked.every(
        ({ set, process, count }) =>
          model.processes.filter(
            (one) =>
              one.set === set &&
              one.process === process &&
              one.state === 'healthy' &&
              one.epoch >= epochOf(model, process),
          ).length === count,
      )
    )
  }

  function observe(target: Target): Observation {
    const model = known(target)
    const ids = new Set([
      ...model.desired.sets.map((set) => set.id),
      ...model.processes.map((process) => process.set),
    ])
    return {
      target: { ...target },
      at: new Date(now).toISOString(),
      generation: model.generation,
      settled: isSettled(model),
      sets: [...ids].map((id) => ({
        id,
        processes: model.processes
          .filter((process) => process.set === id)
          .map(({ dueAt: _due, epoch: _epoch, ...process }) => ({ ...process })),
        inFlight: model.requests.filter((one) => one.set === id && one.endsAt > now).length,
        ...(behaviour(target, releaseOf(model, id)).outcome === 'layout-failed' && {
          problem: { code: 'layout-failed', message: 'its files could not be laid out: the disk is full' },
        }),
      })),
      split: model.desired.split.map((rule) => ({ ...rule, weights: { ...rule.weights } })),
      crons: model.desired.crons.map((cron) => ({ name: cron.name, set: cron.set, nextAt: null })),
      addresses: { public: [`http://${modelHost(target)}`], internal: null },
      ...(target.space !== undefined && {
        demand: { lastAskedAt: null, waiting: 0, ...demands.get(name(target)) },
      }),
    }
  }

  return {
    now: () => now,
    starts,
    cut,
    /** A request begins, at a healthy set that traffic goes to; none where there is no such set. */
    request(target: Target, milliseconds: number) {
      const model = known(target)
      const weights = model.desired.split.at(-1)?.weights ?? {}
      const answers = model.processes.find(
        (one) => one.process === 'web' && one.state === 'healthy' && (weights[one.set] ?? 0) > 0,
      )
      if (answers) model.requests.push({ set: answers.set, endsAt: now + milliseconds })
    },
    /** When something happens next by itself; null where nothing is on its way. */
    nextAt(target: Target): number | null {
      const due = known(target)
        .processes.map((one) => one.dueAt)
        .concat([...jobs.values()].filter((job) => job.state === 'running').map((job) => job.dueAt))
        .concat(known(target).requests.map((one) => one.endsAt))
        .filter((at) => at > now)
      return due.length > 0 ? Math.min(...due) : null
    },
    /** Lets time pass: everything that falls due happens in order. */
    advance(milliseconds: number) {
      const until = now + milliseconds
      for (;;) {
        const due = [...targets.values()]
          .flatMap((model) => model.processes.map((process) => process.dueAt))
          .concat([...jobs.values()].filter((job) => job.state === 'running').map((job) => job.dueAt))
          .filter((at) => at > now && at <= until)
        if (due.length === 0) break
        now = Math.min(...due)
        step()
      }
      now = until
      step()
    },
    /** How an app, or one release of it, behaves from now on. */
    behave(target: Target, behaves: Partial<Behaviour>, release?: number) {
      const key = release === undefined ? name(target) : `${name(target)}/${release}`
      behaviours.set(key, { ...behaviours.get(key), ...behaves })
    },
    /** What the router saw of a target with a space. */
    demand(target: Target, seen: Partial<Demand>) {
      demands.set(name(target), seen)
    },
    /** Somebody else has an app of this name there: whatever it is told, it refuses. */
    belongsToAnother(target: Target) {
      foreign.add(name(target))
    },
    apply,
    /** What it was told last. */
    desired: (target: Target): Desired => known(target).desired,
    observe,
    observeAll: () => [...targets.values()].map((model) => observe(model.target)),
    remove(target: Target, generation: number) {
      const model = known(target)
      fence(model, generation)
      model.generation = generation
      model.desired = { ...NOTHING }
      converge(model)
    },
    run(target: Target, job: Job): JobStatus {
      const existing = jobs.get(job.key)
      if (existing) return { ...existing }
      const { ms, state } = behaviour(target, job.set.release).job
      starts.set(job.key, (starts.get(job.key) ?? 0) + 1)
      const started: ModelJob = {
        key: job.key,
        state: 'running',
        startedAt: new Date(now).toISOString(),
        target,
        dueAt: now + ms,
        ends: state,
      }
      jobs.set(job.key, started)
      return { ...started }
    },
    job: (key: string): JobStatus | null => {
      const found = jobs.get(key)
      return found ? { ...found } : null
    },
    cancel(key: string) {
      const job = jobs.get(key)
      if (job?.state === 'running') finish(job, 'failed', 'it was cancelled')
    },
    /** The engine starts again: what ran as a job has an unknown end. Its desired state is kept unless `empty`. */
    restart({ empty = false } = {}) {
      for (const job of jobs.values()) if (job.state === 'running') finish(job, 'unknown', 'the engine died')
      if (empty) targets = new Map()
    },
    /** One process of a set ends by itself. */
    crash(target: Target, set: string) {
      const process = known(target).processes.find((one) => one.set === set && one.state === 'healthy')
      if (!process) return
      process.state = 'starting'
      process.restarts += 1
      process.dueAt = now + behaviour(target, Number(set.slice(1))).bootMs
    },
  }
}

export type ModelWorld = ReturnType<typeof createModelWorld>
