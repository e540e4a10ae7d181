/**
 * The rollout's state machine: `decide(facts)` answers with the whole next state, or null where there is nothing to
 * do but wait. Pure: no clock, no engine, no database. `owed(facts)` says which effects the present state asks for;
 * they are repeated until the facts show that they happened, so a crash between any two lines loses nothing.
 */
import { commandStep } from './command.ts'
import {
  abortedReason,
  finishingMessage,
  liveMessage,
  startingMessage,
  supersededReason,
  switchingMessage,
  waitingMessage,
} from './messages.ts'
import { isFresh } from './observed.ts'
import { samePlan, withPlan } from './plan.ts'
import { type Facts, isOver, type Phase, type Step } from './state.ts'
import { end, enter, keep, noted, tell, waiting } from './steps.ts'
import { transition } from './transition.ts'
import { recognise } from './trouble.ts'
import { undo, undoing } from './undo.ts'

export type Effect = 'apply' | 'run' | 'cancel'

/** The next state, or null when nothing changes. */
export function decide(given: Facts): Step | null {
  if (isOver(given.rollout.phase)) return null
  const facts = noted(given)
  const step = choose(facts)
  return isSame(given, step) ? null : step
}

function choose(facts: Facts): Step {
  switch (facts.rollout.phase) {
    case 'queued':
      return queued(facts)
    case 'release-command':
    case 'asking':
      return commandStep(facts, forward)
    case 'undoing':
      return undoing(facts)
    default:
      return forward(facts)
  }
}

function queued(facts: Facts): Step {
  const { rollout, target } = facts
  if (rollout.intent === 'abort') return end(facts, 'aborted', abortedReason(rollout.intentBy))
  if (rollout.intent === 'supersede') return end(facts, 'superseded', supersededReason(rollout.intentBy))
  if (!facts.turn) return keep(facts)
  const begun = {
    ...facts,
    rollout: { ...rollout, previous: target.live === rollout.release ? null : target.live },
  }
  if (facts.next.run.releaseCommand && !rollout.commandDone) return commandStep(begun, forward)
  return forward(begun)
}

/** Starting, switching, finishing: whatever the facts allow, never backwards. */
function forward(facts: Facts): Step {
  const { rollout, target, next } = facts
  if (rollout.intent === 'abort') return undo(facts, 'aborted', abortedReason(rollout.intentBy))
  if (rollout.intent === 'supersede' && rollout.phase !== 'finishing') {
    return undo(facts, 'superseded', supersededReason(rollout.intentBy))
  }
  if (facts.trouble?.fatal) return undo(facts, 'failed', facts.trouble.message, facts.trouble)
  if (!isFresh(facts)) {
    const message = facts.trouble ? waitingMessage(facts.trouble) : startingMessage(facts, 0, 0)
    return waiting(facts, enterForward(facts, 'starting', message))
  }
  const problem = recognise(facts, next)
  if (problem) return undo(facts, 'failed', problem.message, problem)

  const move = transition(facts, { to: next, from: facts.previous, backward: false })
  if (move.done) return live(facts)
  const message =
    move.stage === 'finishing'
      ? finishingMessage(facts)
      : move.stage === 'switching'
        ? switchingMessage(next.number, move.healthy, move.wanted)
        : startingMessage(facts, move.healthy, move.wanted)
  const step = enterForward(facts, move.stage, message)
  return { ...step, target: withPlan(target, move.plan) }
}

const ORDER: readonly Phase[] = ['queued', 'release-command', 'asking', 'starting', 'switching', 'finishing']

function enterForward(facts: Facts, phase: Phase, message: string): Step {
  const isBehind = ORDER.indexOf(phase) <= ORDER.indexOf(facts.rollout.phase)
  return isBehind ? tell(facts, message) : enter(facts, phase, message)
}

function live(facts: Facts): Step {
  const { rollout, target } = facts
  const step = enter(facts, 'live', liveMessage(rollout.release, rollout.app, rollout.environment))
  return {
    ...step,
    rollout: { ...step.rollout, hint: null, lastLines: [], endedAt: facts.now },
    target: { ...target, live: rollout.release, declared: rollout.counts ?? target.declared },
  }
}

/** What must be asked of the engine now. `apply` where it is behind the plan; each may be repeated at will. */
export function owed(facts: Facts): Effect[] {
  const { rollout, target, observation, job } = facts
  const effects: Effect[] = []
  if (observation && observation.generation < target.generation) effects.push('apply')
  if (rollout.phase === 'release-command' && observation) {
    if (rollout.intent === null && job === null) effects.push('run')
    if (rollout.intent === 'abort' && job?.state === 'running') effects.push('cancel')
  }
  return effects
}

function isSame(facts: Facts, step: Step): boolean {
  const { rollout: before } = facts
  const { rollout: after } = step
  return (
    before.phase === after.phase &&
    before.message === after.message &&
    before.outcome === after.outcome &&
    before.attempt === after.attempt &&
    before.commandDone === after.commandDone &&
    before.previous === after.previous &&
    before.awaySince === after.awaySince &&
    before.caughtUp?.generation === after.caughtUp?.generation &&
    facts.target.live === step.target.live &&
    samePlan(facts.target.plan, step.target.plan)
  )
}
