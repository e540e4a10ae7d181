/** When an app is looked at for what somebody else changed of it, and what follows from what was found. Pure. */
import type { Difference } from '../../../api/processes.ts'
import { said } from './messages.ts'
import type { DriftRow } from './store.ts'

/** An app that serves, as the platform wants it. */
export interface Place {
  app: string
  environment: string
  generation: number
  /** A rollout of it is under way: what is there changes by itself. */
  isMoving: boolean
}

/** Nobody's change is found later than this, and an API server is asked no more often. */
export const LOOK_AGAIN_MS = 10 * 60_000

export const keyOf = ({ app, environment }: Pick<Place, 'app' | 'environment'>): string =>
  `${environment}/${app}`

/** What is to be looked at now: what was never, or long ago, or not since it was changed. Longest ago first. */
export function due(places: readonly Place[], rows: readonly DriftRow[], now: number): Place[] {
  const known = new Map(rows.map((row) => [keyOf(row), row]))
  const lookedAt = (place: Place) => known.get(keyOf(place))?.looked_at.getTime() ?? 0
  return places
    .filter((place) => {
      if (place.isMoving) return false
      const isSame = known.get(keyOf(place))?.generation === place.generation
      return !isSame || now - lookedAt(place) >= LOOK_AGAIN_MS
    })
    .sort((one, other) => lookedAt(one) - lookedAt(other))
}

/** Those that two looks, one after the other, have both found: what converges by itself is no drift. */
export function lasting(first: readonly Difference[], second: readonly Difference[]): Difference[] {
  return second.filter(({ message }) => first.some((one) => one.message === message))
}

interface Finding {
  row: DriftRow
  event: { kind: 'drift.found' | 'drift.gone'; message: string } | null
}

/** `before`: the row of the look before, where there is one. */
export function find(
  { app, environment, generation }: Place,
  before: DriftRow | null,
  differences: Difference[],
  now: Date,
): Finding {
  const had = before?.differences ?? []
  const isNew = lasting(had, differences).length < differences.length
  const since = differences.length === 0 ? null : (before?.since ?? now)
  const event = isNew
    ? { kind: 'drift.found' as const, message: said.found(app, environment, differences) }
    : differences.length === 0 && had.length > 0
      ? { kind: 'drift.gone' as const, message: said.gone(app, environment) }
      : null
  return { row: { app, environment, generation, differences, since, looked_at: now }, event }
}
