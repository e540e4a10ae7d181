/** What is killed when, and what people do meanwhile: all of it from one seed. Pure. */
import { createRandom, type Random } from '../random.ts'

export const VICTIMS = ['platform', 'runner', 'shim', 'build', 'postmaster', 'backend'] as const
export type Victim = (typeof VICTIMS)[number]
export const WORKED = ['left', 'right'] as const
export type Worked = (typeof WORKED)[number]
export type Work = 'ship' | 'config' | 'scale'

export interface Schedule {
  seed: number
  /** In milliseconds since the schedule began. `choice` from 0 to 1 picks one of several. */
  kills: { at: number; victim: Victim; choice: number }[]
  work: { at: number; app: Worked; kind: Work; count: number }[]
  /** How long the platform stays away where it was killed. */
  awayFor: number
}

const LONGEST = 4000

export function scheduleOf(seed: number): Schedule {
  const random = createRandom(seed)
  const victims = victimsOf(random)
  return {
    seed,
    kills: victims
      .map((victim) => ({ victim, at: random.below(LONGEST), choice: random.next() }))
      .sort((one, other) => one.at - other.at),
    work: Array.from({ length: 2 + random.below(4) }, () => ({
      at: random.below(LONGEST),
      app: random.pick(WORKED),
      kind: random.weighted<Work>([
        [3, 'ship'],
        [2, 'config'],
        [2, 'scale'],
      ]),
      count: 1 + random.below(3),
    })).sort((one, other) => one.at - other.at),
    awayFor: random.below(1500),
  }
}

/** Often the platform alone, or platform and runner, because most is promised then. */
function victimsOf(random: Random): Victim[] {
  const kind = random.weighted<'platform' | 'both' | 'any'>([
    [3, 'platform'],
    [2, 'both'],
    [5, 'any'],
  ])
  if (kind === 'platform') return Array.from({ length: 1 + random.below(2) }, () => 'platform')
  if (kind === 'both') return random.chance(0.5) ? ['platform', 'runner'] : ['runner']
  return Array.from({ length: 1 + random.below(3) }, () => random.pick(VICTIMS))
}
