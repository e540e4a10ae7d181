/** What happens in which order, from one seed: looks with faults, people's wishes, time, and what the engine suffers. Pure. */
import type { RunSpec } from '../../src/api/app-spec.ts'
import { createRandom, type Random } from '../random.ts'
import { FAULTS, type Fault } from './platform.ts'

export type Action =
  | { kind: 'look'; faults: [step: number, fault: Fault][] }
  | { kind: 'advance'; milliseconds: number }
  | { kind: 'request'; milliseconds: number }
  | {
      kind: 'ship'
      whenBusy: 'supersede' | 'queue'
      outcome: 'healthy' | 'crash' | 'never' | 'layout-failed' | 'refused'
      job: 'succeeded' | 'failed' | 'unknown'
      processes: Processes
    }
  | { kind: 'scale'; count: number }
  /** Of the newest rollout, or of one before it. */
  | { kind: 'abort' | 'retry'; back: number }
  /** `late`: copies of calls arrive; `resume`: a life that was paused goes on. */
  | { kind: 'restart' | 'late' | 'resume' }
  /** What the engine suffers: an app's process ends, the engine starts again, with or without what it knew. */
  | { kind: 'app-ends' | 'engine-restarts' | 'engine-forgets' }

export interface Processes {
  web: boolean
  worker: boolean
  releaseCommand: boolean
}

export interface Schedule {
  seed: number
  /** Processes of `web` in the beginning. */
  web: number
  actions: Action[]
}

const LONGEST = 36
/** Looks have about as many calls; a fault at one that is not made is none. */
const STEPS = 9

export function scheduleOf(seed: number, longest = LONGEST): Schedule {
  const random = createRandom(seed)
  return {
    seed,
    web: 1 + random.below(6),
    actions: Array.from({ length: 4 + random.below(longest - 3) }, () => actionOf(random)),
  }
}

function actionOf(random: Random): Action {
  const kind = random.weighted<Action['kind']>([
    [9, 'look'],
    [5, 'advance'],
    [1.5, 'request'],
    [2, 'ship'],
    [0.8, 'scale'],
    [0.5, 'abort'],
    [0.5, 'retry'],
    [0.4, 'restart'],
    [0.8, 'late'],
    [0.8, 'resume'],
    [0.3, 'app-ends'],
    [0.3, 'engine-restarts'],
    [0.3, 'engine-forgets'],
  ])
  switch (kind) {
    case 'look': {
      const count = random.weighted([
        [5, 0],
        [4, 1],
        [1, 2],
      ])
      return { kind, faults: Array.from({ length: count }, () => [random.below(STEPS), random.pick(FAULTS)]) }
    }
    case 'advance':
      return { kind, milliseconds: random.below(random.chance(0.1) ? 3000 : 300) }
    case 'request':
      return { kind, milliseconds: 50 + random.below(900) }
    case 'ship':
      return {
        kind,
        whenBusy: random.pick(['supersede', 'queue']),
        outcome: random.weighted([
          [6, 'healthy'],
          [1, 'crash'],
          [1, 'never'],
          [1, 'layout-failed'],
          [1, 'refused'],
        ]),
        job: random.weighted([
          [3, 'succeeded'],
          [1, 'failed'],
          [1, 'unknown'],
        ]),
        processes: processesOf(random),
      }
    case 'scale':
      return { kind, count: 1 + random.below(8) }
    case 'abort':
    case 'retry':
      return { kind, back: random.below(3) }
    default:
      return { kind }
  }
}

function processesOf(random: Random): Processes {
  const web = random.chance(0.8)
  return { web, worker: !web || random.chance(0.5), releaseCommand: random.chance(0.4) }
}

const spec = (command: string) => ({ command, bootSeconds: 5, graceSeconds: 1, surgePercent: 25 })

export function runOf({ web, worker, releaseCommand }: Processes): RunSpec {
  return {
    processes: { ...(web && { web: spec('web') }), ...(worker && { worker: spec('worker') }) },
    ...(releaseCommand && { releaseCommand: 'migrate' }),
    crons: {},
    variables: {},
    needs: [],
  }
}
