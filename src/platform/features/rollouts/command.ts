/**
 * The release command. That it is asked for is written down before the engine is: the key (rollout and attempt) makes
 * the engine start it at most once however often it is asked. Where nobody knows how it ended, a person decides. Pure.
 */
import {
  abortedReason,
  askingHint,
  commandFailed,
  commandMessage,
  commandUnknown,
  givingUpCommand,
  keptLines,
  lettingCommandEnd,
  supersededReason,
  waitingMessage,
} from './messages.ts'
import type { Facts, Step } from './state.ts'
import { end, enter, keep, tell } from './steps.ts'

/** `onward` goes on where the command has succeeded. */
export function commandStep(facts: Facts, onward: (facts: Facts) => Step): Step {
  const { rollout, job, trouble } = facts
  if (rollout.phase === 'queued') return ask(facts)
  if (rollout.intent) return givingUp(facts)
  if (rollout.phase === 'asking') return keep(facts)
  if (trouble?.fatal) return end(facts, 'failed', trouble.message, trouble)
  if (!job || job.state === 'running') return trouble ? tell(facts, waitingMessage(trouble)) : keep(facts)
  if (job.state === 'failed') {
    return end(facts, 'failed', commandFailed(rollout.release, job), {
      hint: `tow rollout retry ${rollout.id}`,
      lastLines: job.lastLines ?? [],
    })
  }
  if (job.state === 'unknown') {
    const step = enter(facts, 'asking', commandUnknown(rollout.release, job))
    return {
      ...step,
      rollout: { ...step.rollout, hint: askingHint(rollout.id), lastLines: keptLines(job.lastLines) },
    }
  }
  return onward({ ...facts, rollout: { ...rollout, commandDone: true } })
}

function ask(facts: Facts): Step {
  const step = enter(facts, 'release-command', commandMessage(facts.rollout.release))
  return { ...step, rollout: { ...step.rollout, attempt: facts.rollout.attempt + 1 } }
}

/** A person's abort ends the command; a newer release lets it end, because half a migration helps nobody. */
function givingUp(facts: Facts): Step {
  const { rollout, job, observation } = facts
  const isAbort = rollout.intent === 'abort'
  if (rollout.phase === 'release-command') {
    if (!observation) return keep(facts)
    if (job?.state === 'running') {
      return tell(
        facts,
        isAbort ? givingUpCommand(rollout.release) : lettingCommandEnd(rollout.release, rollout.intentBy),
      )
    }
  }
  return isAbort
    ? end(facts, 'aborted', abortedReason(rollout.intentBy))
    : end(facts, 'superseded', supersededReason(rollout.intentBy))
}

/** A person has decided: the command is asked for once more, under a new key. Null where nothing is asked. */
export function askAgain(facts: Pick<Facts, 'rollout' | 'target' | 'now'>): Step | null {
  if (facts.rollout.phase !== 'asking' || facts.rollout.intent) return null
  const step = ask(facts as Facts)
  return { ...step, rollout: { ...step.rollout, hint: null, lastLines: [] } }
}
