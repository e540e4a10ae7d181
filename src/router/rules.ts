/** Which rule decides and which set it means: pure, apart from the turn counters that the caller keeps. */
import { createHash } from 'node:crypto'
import type { SplitRule } from '../api/split.ts'

/** The first rule that matches the space and has not ended. */
export function ruleFor(rules: readonly SplitRule[], space: string | null, now: number): SplitRule | null {
  for (const rule of rules) {
    if (rule.until !== undefined && now >= rule.until) continue
    if (rule.match === undefined || rule.match.space === space) return rule
  }
  return null
}

/** Whose turn it is, by set; kept between two choices. */
export type Turns = Map<string, number>

/**
 * Smooth weighted round robin: out of as many choices as all weights together, each set gets exactly its weight, spread
 * evenly. `names` are those of `weights` that can serve; at least one, each with a weight above 0.
 */
export function takeTurn(turns: Turns, weights: Record<string, number>, names: readonly string[]): string {
  let total = 0
  let best = names[0]!
  let bestTurn = Number.NEGATIVE_INFINITY
  for (const name of names) {
    const weight = weights[name]!
    const turn = (turns.get(name) ?? 0) + weight
    total += weight
    turns.set(name, turn)
    if (turn > bestTurn) {
      best = name
      bestTurn = turn
    }
  }
  turns.set(best, bestTurn - total)
  return best
}

/**
 * The same key always means the same set. Weighted rendezvous hashing: raising the weight of one set moves keys to that
 * set alone, and a set that is gone moves only its own.
 */
export function stickTo(key: string, weights: Record<string, number>, names: readonly string[]): string {
  let best = names[0]!
  let bestScore = Number.NEGATIVE_INFINITY
  for (const name of names) {
    const digest = createHash('sha256').update(`${name}\0${key}`).digest()
    const unit = (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48
    const score = -weights[name]! / Math.log(unit)
    if (score > bestScore) {
      best = name
      bestScore = score
    }
  }
  return best
}

/** The value of one cookie of a `Cookie` header. */
export function readCookie(header: string | null, name: string): string | null {
  for (const pair of (header ?? '').split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim() || null
  }
  return null
}
