/** The few ways in which a rollout's row changes; every one keeps the history. Pure. */
import { endMessage, keptLines } from './messages.ts'
import { isFresh } from './observed.ts'
import type { Facts, Outcome, Phase, Step } from './state.ts'

const LONGEST_HISTORY = 200

/** The facts with what this look itself has found out: since when the engine is away, when it caught up. */
export function noted(facts: Facts): Facts {
  const { rollout, target, now, steady } = facts
  const isAway = facts.observation === null && facts.away !== null
  const awaySince = isAway ? (rollout.awaySince ?? now) : facts.observation ? null : rollout.awaySince
  const isNew = isFresh(facts) && rollout.caughtUp?.generation !== target.generation
  const caughtUp = isNew ? { generation: target.generation, at: steady } : rollout.caughtUp
  return { ...facts, rollout: { ...rollout, awaySince, caughtUp } }
}

/** Nothing happens. */
export function keep(facts: Facts): Step {
  return { rollout: facts.rollout, target: facts.target, event: null }
}

/** The same phase, another sentence. */
export function tell(facts: Facts, message: string): Step {
  return { ...keep(facts), rollout: { ...facts.rollout, message } }
}

/** Another phase: into the history and the timeline. */
export function enter(facts: Facts, phase: Phase, message: string): Step {
  const { rollout, target, now } = facts
  const history = [...rollout.history, { phase, at: now, message }].slice(-LONGEST_HISTORY)
  return {
    rollout: { ...rollout, phase, message, history },
    target,
    event: { kind: `rollout.${phase}`, message },
  }
}

/** The end, where nothing has to be undone. */
export function end(
  facts: Facts,
  outcome: Outcome,
  reason: string,
  detail: { hint?: string; lastLines?: string[] } = {},
): Step {
  const step = enter(facts, outcome, endMessage(facts.rollout, outcome, reason))
  return {
    ...step,
    rollout: {
      ...step.rollout,
      outcome,
      hint: detail.hint ?? facts.rollout.hint,
      lastLines: detail.lastLines ? keptLines(detail.lastLines) : facts.rollout.lastLines,
      endedAt: facts.now,
    },
  }
}

/** Facts are missing or old: no step that can't be taken back. An engine that is away is in `awaySince`. */
export function waiting(facts: Facts, step: Step): Step {
  const isEntering = facts.rollout.phase === 'queued' || facts.rollout.phase === 'release-command'
  return isEntering || facts.trouble ? step : keep(facts)
}
