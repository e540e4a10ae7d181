/** The way back: the old set first, then the traffic, then the new set goes. It ends in what `outcome` says. Pure. */
import type { Problem } from '../../../engines/engine.ts'
import { endMessage, keptLines, undoingMessage } from './messages.ts'
import { isFresh } from './observed.ts'
import { plannedCounts, steadyPlan, WEB, withPlan } from './plan.ts'
import { type Facts, type Outcome, type Step, setId } from './state.ts'
import { end, enter, keep } from './steps.ts'
import { transition } from './transition.ts'

/** Begins the way back, and takes its first step where the facts allow. */
export function undo(facts: Facts, outcome: Outcome, reason: string, problem?: Omit<Problem, 'code'>): Step {
  const { target, previous } = facts
  if (!target.plan.sets.some((set) => set.release === facts.rollout.release)) {
    // Nothing of it was planned. What was scaled by hand meanwhile waited for it, and happens now.
    return { ...end(facts, outcome, reason, problem), target: withPlan(target, steadyPlan(previous, target)) }
  }
  const step = enter(facts, 'undoing', undoingMessage(facts.rollout, reason))
  const rollout = {
    ...step.rollout,
    outcome,
    reason,
    hint: problem?.hint ?? null,
    lastLines: keptLines(problem?.lastLines),
  }
  const next = { ...facts, rollout, trouble: null }
  return { ...undoing(next), event: step.event }
}

export function undoing(facts: Facts): Step {
  const { rollout, target, previous } = facts
  const outcome = rollout.outcome ?? 'failed'
  if (!isFresh(facts)) {
    // The engine never took the new set over, or refuses it: the old release was not touched, so nothing can break.
    const isRefused = facts.trouble?.fatal === true
    if (!isRefused && !isUntouched(facts)) return keep(facts)
    const back = withPlan(target, steadyPlan(previous, target))
    // The way back is refused like the way there: nothing more can come of waiting.
    if (isRefused && back === target) return end(facts, outcome, rollout.reason ?? '')
    return { ...keep(facts), target: back }
  }
  const failed = previous?.number === rollout.release ? null : facts.next
  const move = transition(facts, { to: previous, from: failed, backward: true })
  if (!move.done) return { ...keep(facts), target: withPlan(target, move.plan) }
  const step = enter(facts, outcome, endMessage(rollout, outcome, rollout.reason ?? ''))
  return { ...step, rollout: { ...step.rollout, endedAt: facts.now } }
}

/**
 * All traffic goes to the old set, which has all its processes: the plan so far has taken nothing from it. A set that
 * ever had traffic may still answer, so that one leaves in order.
 */
function isUntouched(facts: Facts): boolean {
  const { rollout, target, previous } = facts
  if (rollout.history.some(({ phase }) => phase === 'switching' || phase === 'finishing')) return false
  const served = Object.keys(target.plan.weights)
  if (!previous) return served.length === 0
  const now = plannedCounts(target.plan, previous.number)
  const wanted = steadyPlan(previous, target).sets[0]?.counts ?? {}
  const isWhole = Object.entries(wanted).every(([name, count]) => (now[name] ?? 0) >= count)
  return isWhole && ((wanted[WEB] ?? 0) === 0 || served.every((id) => id === setId(previous.number)))
}
