/** Pure: what the needs of an app come to. */
import { nearest } from '../../../api/nearest.ts'
import { keyOfNeed } from '../config/index.ts'
import { type Refusal, refusals } from './messages.ts'

export interface NeedFacts {
  app: string
  environment: string
  needs: readonly string[]
  /** Apps that exist or are part of the same delivery. */
  apps: ReadonlySet<string>
  /** Keys of the needs that someone has set by hand. */
  setByHand: ReadonlySet<string>
  /** Whether the environment has a PostgreSQL for apps; only asked where one is needed. */
  hasPostgres: boolean
}

/** Everything that stands in the way, at once. */
export function judgeNeeds(facts: NeedFacts): Refusal[] {
  const { app, needs, apps } = facts
  const found: Refusal[] = []
  const byKey = new Map<string, string>()
  for (const need of new Set(needs)) {
    const key = keyOfNeed(need)
    const other = byKey.get(key)
    if (other !== undefined) found.push(refusals.sameKey(facts, other, need, key))
    byKey.set(key, need)
    if (need === app) found.push(refusals.itself(facts))
    else if (need === 'postgres') {
      if (!facts.hasPostgres) found.push(refusals.noPostgres(facts))
    } else if (!apps.has(need)) {
      found.push(refusals.unknown(facts, need, nearest(need, [...apps, 'postgres'])))
    }
    if (facts.setByHand.has(key)) found.push(refusals.setByHand(facts, key, need))
  }
  return found
}

/** PostgreSQL cuts longer names off, and then two would be one. */
const LONGEST_NAME = 63
const FOR_A_NUMBER = 5

/**
 * `missions_stage`, `missions_stage_mine` in a space; or with a number behind it where that is taken: `a-b` in `c` and
 * `a` in `b-c` would be the same.
 */
export function databaseName(
  { app, environment, space = '' }: { app: string; environment: string; space?: string | undefined },
  taken: ReadonlySet<string>,
): string {
  const whole = [app, environment, space].filter(Boolean).join('_').replaceAll('-', '_')
  const plain = whole.slice(0, LONGEST_NAME - FOR_A_NUMBER).replace(/_$/, '')
  for (let number = 1; ; number += 1) {
    const name = number === 1 ? plain : `${plain}_${number}`
    if (!taken.has(name)) return name
  }
}
