/**
 * Since when a Gateway obeys a route. It says of each route that it has taken it in while it is still at the others that
 * changed together with it, and puts all of them in force when it is through; and it may be slow at saying so: Traefik writes
 * five answers in a second. Whoever saw another route unanswered in that moment waits until that one is answered, too; and
 * then as long as answering took, where that is more than a Gateway needs otherwise: nothing else tells how slow it is now.
 */
import type { Route } from '../cluster/objects.ts'

/** A route that nobody answers, since its Gateway is not there, holds up nobody for longer. */
const LONGEST_MILLISECONDS = 15_000
const LONGEST_LAG_MILLISECONDS = 5000
/** Others are looked at so often while they are waited for. */
export const OTHERS_MILLISECONDS = 200

export interface Move {
  /** What was moved to. */
  key: string
  /** When it was asked for, and when the Gateway said that it had it; 0: before this engine looked. */
  askedAt: number
  acceptedAt: number
  /** Routes, as they were then, that it had not answered. */
  others: ReadonlySet<string>
  /** Since when it can be at nothing of that any more; null until then. */
  since: number | null
}

/** `routes`: all that are known, the one that moved among them. */
export function beginMove(asked: Pick<Move, 'key' | 'askedAt'>, routes: readonly Route[], at: number): Move {
  const others = new Set(routes.flatMap((route) => unanswered(route) ?? []))
  return { ...asked, acceptedAt: at, others, since: others.size === 0 ? at : null }
}

/**
 * How long the Gateway may take to obey, and to hear of pods; `usual`: what it may always take, 0 where there is none. While
 * it is at routes it looks at no pods either.
 */
export function lagAfter(move: Move | null, usual: number): number {
  if (usual === 0) return 0
  const late = move ? (move.since ?? move.acceptedAt) - move.askedAt : 0
  return Math.max(usual, Math.min(LONGEST_LAG_MILLISECONDS, late))
}

/** From when on it can be taken for obeyed. */
export function obeyedAt(move: Move, usual: number): number {
  return move.since === null ? Number.POSITIVE_INFINITY : move.since + lagAfter(move, usual)
}

export function followMove(move: Move, routes: readonly Route[], at: number): Move {
  if (move.since !== null) return move
  const open = new Set(routes.flatMap((route) => unanswered(route) ?? []))
  const isOver = at - move.acceptedAt >= LONGEST_MILLISECONDS
  const others = new Set([...move.others].filter((one) => open.has(one)))
  return { ...move, others, since: others.size === 0 || isOver ? at : null }
}

/** The route as it is now, where no Gateway has said yet what it thinks of that. */
function unanswered({ metadata, status }: Route): string | null {
  const { uid, generation, deletionTimestamp } = metadata
  const isAnswered = (status?.parents ?? []).some((parent) =>
    parent.conditions?.some(
      ({ observedGeneration }) => observedGeneration === undefined || observedGeneration === generation,
    ),
  )
  return isAnswered || deletionTimestamp !== undefined ? null : `${uid}/${generation}`
}
