/**
 * One worker per target that owes something: looks never overlap for one target, and a slow engine call holds up
 * nobody else. Nothing here is state: whatever is owed is read from rows.
 */
import type { Engine } from '../../../engines/engine.ts'
import type { Database } from '../../kernel/database.ts'
import { startLoop } from '../../kernel/loop.ts'
import type { Place } from './journal.ts'
import { type Looked, nameOf } from './reconcile.ts'
import { within } from './within.ts'

/** What should be at a place, as far as a look at the engine can tell that it is not. */
export interface Standing extends Place {
  generation: number
  /** Anything should run there. */
  runs: boolean
}

export interface WorkersOptions {
  database: Database
  /** Woken by this. */
  topic: string
  /** Where something is to do. */
  owed: () => Promise<Place[]>
  standing: () => Promise<Standing[]>
  engines: (environment: string) => Promise<Engine>
  reconcile: (place: Place, signal: AbortSignal) => Promise<Looked>
  onError: (error: unknown) => void
  /** Milliseconds between looks at everything. */
  sweepEvery?: number | undefined
}

interface Worker {
  owed: boolean
  running: Promise<void> | null
  timer: NodeJS.Timeout | null
  watch: AbortController | null
}

const RETRY_MS = 1000
const OBSERVE_ALL_MS = 5000

export function startWorkers(options: WorkersOptions) {
  const { database, engines, reconcile, onError, sweepEvery = 10_000 } = options
  const workers = new Map<string, Worker>()
  const controller = new AbortController()
  const { signal } = controller

  function kick(place: Place) {
    if (signal.aborted) return
    const name = nameOf(place)
    const worker = workers.get(name) ?? { owed: false, running: null, timer: null, watch: null }
    workers.set(name, worker)
    worker.owed = true
    if (worker.timer) clearTimeout(worker.timer)
    worker.timer = null
    worker.running ??= run(place, worker).finally(() => {
      worker.running = null
      if (worker.owed) kick(place)
      else if (!worker.timer) forget(name, worker)
    })
  }

  async function run(place: Place, worker: Worker): Promise<void> {
    while (worker.owed && !signal.aborted) {
      worker.owed = false
      const looked = await reconcile(place, signal).catch((error): Looked => {
        if (!signal.aborted) onError(error)
        return { again: false, after: RETRY_MS, active: false }
      })
      follow(place, worker, looked.active)
      if (worker.timer) clearTimeout(worker.timer)
      worker.timer = null
      if (looked.again) worker.owed = true
      else if (looked.after !== null) worker.timer = setTimeout(() => kick(place), looked.after)
    }
  }

  /** While a rollout moves, the engine's own news wake the worker. */
  function follow(place: Place, worker: Worker, isActive: boolean) {
    if (!isActive || signal.aborted) {
      worker.watch?.abort()
      worker.watch = null
      return
    }
    if (worker.watch) return
    const watch = new AbortController()
    worker.watch = watch
    const end = () => {
      if (worker.watch === watch) worker.watch = null
    }
    void (async () => {
      const engine = await engines(place.environment)
      for await (const _news of engine.watch(place, watch.signal)) kick(place)
    })().then(end, end)
  }

  function forget(name: string, worker: Worker) {
    worker.watch?.abort()
    workers.delete(name)
  }

  const dispatcher = startLoop({
    pass: async () => {
      for (const place of await options.owed()) kick(place)
    },
    interval: 5000,
    onError,
  })
  const unlisten = database.listen(options.topic, dispatcher.wake)
  const sweeper = startLoop({ pass: () => sweep(), interval: sweepEvery, onError })

  /** Everything that should run, against what every engine says: what an engine lost is applied again. */
  async function sweep(): Promise<void> {
    const byEngine = new Map<Engine, Standing[]>()
    for (const target of await options.standing()) {
      const engine = await engines(target.environment).catch(() => null)
      if (engine) byEngine.set(engine, [...(byEngine.get(engine) ?? []), target])
    }
    await Promise.all([...byEngine].map(([engine, targets]) => compare(engine, targets)))
  }

  async function compare(engine: Engine, targets: readonly Standing[]): Promise<void> {
    const seen = await within(
      engine.observeAll(),
      OBSERVE_ALL_MS,
      signal,
      'the engine does not answer',
    ).catch(() => null)
    if (!seen || signal.aborted) return
    const generations = new Map(seen.map((one) => [nameOf(one.target), one.generation]))
    for (const target of targets) {
      const generation = generations.get(nameOf(target)) ?? 0
      const isBehind = generation < target.generation && target.runs
      if (isBehind || generation > target.generation) kick(target)
    }
  }

  return {
    kick,
    /** Looks at every engine now; for tests and for whoever can't wait. */
    sweep,
    async stop() {
      controller.abort()
      unlisten()
      for (const worker of workers.values()) {
        worker.watch?.abort()
        if (worker.timer) clearTimeout(worker.timer)
      }
      await Promise.all([dispatcher.stop(), sweeper.stop()])
      await Promise.all([...workers.values()].map((worker) => worker.running))
    },
  }
}
