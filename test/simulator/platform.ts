/**
 * One life of a platform over a stage: the real look, decision and effects, with a fault at any of its steps. Every call
 * of the journal and of the engine is a step; a schedule says what goes wrong at which. A life that is paused in the
 * middle of a look stays behind while the next one goes on: what a machine that was cut off does when it comes back.
 */
import { TowError } from '../../src/api/errors.ts'
import type { Engine, Observation } from '../../src/engines/engine.ts'
import type { Journal } from '../../src/platform/features/rollouts/journal.ts'
import {
  createReconcile,
  type ReconcileDependencies,
} from '../../src/platform/features/rollouts/reconcile.ts'
import type { ModelWorld } from '../model-world.ts'
import type { Invariants } from './invariants.ts'
import type { Stage } from './stage.ts'

export const FAULTS = [
  'crash-before',
  'crash-after',
  'lost-request',
  'lost-answer',
  'duplicate',
  'late',
  'pause-before',
  'pause-after',
  'stale',
] as const
export type Fault = (typeof FAULTS)[number]
/** By the number of the step within the look. */
export type Faults = ReadonlyMap<number, Fault>

export interface Life {
  /** `true` when something changed, `paused` in the middle, `over` when it crashed. */
  look(faults: Faults): Promise<boolean | 'paused' | 'over'>
  /** Goes on after a pause; resolves when that look is over. */
  resume(): Promise<void>
}

export interface LifeOptions {
  stage: Stage
  world: ModelWorld
  invariants: Invariants
  /** Copies of calls that arrive later. */
  late: (() => void)[]
  rules?: ReconcileDependencies['rules']
  /** What is broken on purpose. */
  journal?: (journal: Journal) => Journal
}

class Crash extends Error {}

export function createLife(options: LifeOptions): Life {
  const { stage, world, invariants, late } = options
  const { place } = stage
  const kept = options.journal?.(stage.journal) ?? stage.journal
  let faults: Faults = new Map()
  let steps = 0
  let controller = new AbortController()
  /** What this look saw; null where the engine did not answer. */
  let seen: Observation | null = null
  let before: Observation | null = null
  let paused: PromiseWithResolvers<'paused'> = Promise.withResolvers()
  let gate: PromiseWithResolvers<void> | null = null
  let looking: Promise<boolean | 'over'> = Promise.resolve(false)

  function crash(): never {
    controller.abort()
    throw new Crash('the platform died')
  }

  async function pause(): Promise<void> {
    gate = Promise.withResolvers()
    paused.resolve('paused')
    await gate.promise
  }

  const lost = () => new TowError('UNAVAILABLE', 'the connection broke')

  async function step<T>(work: () => T | Promise<T>, changes?: () => void): Promise<T> {
    const fault = faults.get(steps)
    steps += 1
    if (!fault) return work()
    if (fault === 'crash-before') return crash()
    if (fault === 'lost-request') throw lost()
    if (fault === 'late' && changes) {
      late.push(changes)
      throw lost()
    }
    if (fault === 'pause-before') await pause()
    const answer = await work()
    if (fault === 'crash-after') return crash()
    if (fault === 'lost-answer') throw lost()
    if (fault === 'duplicate' && changes) late.push(changes)
    if (fault === 'pause-after') await pause()
    return answer
  }

  /** A call that changes the world; what must hold is looked at after it. */
  function effect<T>(work: () => T): Promise<T> {
    const whole = () => {
      const answer = work()
      invariants.looked()
      return answer
    }
    return step(whole, () => void whole())
  }

  const engine = {
    kind: 'model',
    observe: () =>
      step(() => {
        const isStale = faults.get(steps - 1) === 'stale' && before !== null
        if (!isStale) before = world.observe(place)
        seen = before as Observation
        return seen
      }),
    job: (_: unknown, key: string) => step(() => world.job(key)),
    apply: (_: unknown, generation: number, desired: Parameters<Engine['apply']>[2]) =>
      effect(() => world.apply(place, generation, desired)),
    run: (_: unknown, job: Parameters<Engine['run']>[1]) => effect(() => world.run(place, job)),
    cancel: (_: unknown, key: string) => effect(() => world.cancel(key)),
  } as unknown as Engine

  const journal: Journal = {
    read: (of) => step(() => kept.read(of)),
    release: (of, number) => step(() => kept.release(of, number)),
    commit: (rows, next) =>
      step(async () => {
        const isDone = await kept.commit(rows, next)
        const facts = { rollout: rows.row.state, target: rows.target, observation: seen }
        if (isDone) invariants.decided(facts, next)
        return isDone
      }),
    note: (target, next) => step(() => kept.note(target, next)),
  }

  const reconcile = createReconcile({
    journal,
    clock: { now: () => new Date(world.now()) },
    engines: async () => engine,
    desired: stage.desired,
    ...(options.rules && { rules: options.rules }),
  })

  async function whole(): Promise<boolean | 'over'> {
    try {
      return (await reconcile(place, controller.signal)).again
    } catch (error) {
      if (controller.signal.aborted) return 'over'
      // As the worker does: what failed is tried again at the next look.
      if (error instanceof TowError && error.code === 'UNAVAILABLE') return true
      throw error
    }
  }

  return {
    look(next) {
      faults = next
      steps = 0
      seen = null
      controller = new AbortController()
      paused = Promise.withResolvers()
      looking = whole()
      return Promise.race([looking, paused.promise])
    },
    async resume() {
      faults = new Map()
      gate?.resolve()
      await looking
    },
  }
}
