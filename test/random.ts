/** Random numbers that a seed brings back: every schedule of faults can be replayed by the number that it prints. */

export interface Random {
  /** From 0 up to, and without, 1. */
  next(): number
  /** A whole number below `limit`. */
  below(limit: number): number
  /** True in `share` of all cases. */
  chance(share: number): boolean
  pick<T>(values: readonly T[]): T
  /** One of the values, each as often as its weight says. */
  weighted<T>(values: readonly (readonly [weight: number, value: T])[]): T
}

/** Small, fast, and the same on every machine (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
  const below = (limit: number) => Math.floor(next() * limit)
  return {
    next,
    below,
    chance: (share) => next() < share,
    pick: (values) => values[below(values.length)]!,
    weighted(values) {
      let left = next() * values.reduce((sum, [weight]) => sum + weight, 0)
      for (const [weight, value] of values) {
        left -= weight
        if (left < 0) return value
      }
      return values.at(-1)![1]
    },
  }
}

/** The one schedule that was asked for by its seed, or the first of many. */
export function seedFrom(text: string | undefined, otherwise: number): number {
  if (text === undefined || text === '') return otherwise
  if (!/^\d{1,10}$/.test(text)) throw new Error(`SEED must be a whole number, not "${text}"`)
  return Number(text)
}
