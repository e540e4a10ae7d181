/** All wording of rollouts: what happened, what did not, and what goes on. */
import { TowError } from '../../../api/errors.ts'
import type { JobStatus, Problem } from '../../../engines/engine.ts'
import type { Facts, Outcome, RolloutState } from './state.ts'

const LAST_LINES = 50

export function keptLines(lines: readonly string[] | undefined): string[] {
  return (lines ?? []).slice(-LAST_LINES)
}

/** A problem of one process, said of its release: `web of v2: nothing listens on its port`. */
export function withRelease(release: number, process: string | null, problem: Problem): Problem {
  const subject = process === null ? `v${release}` : `${process} of v${release}`
  return { ...problem, message: `${subject}: ${problem.message}` }
}

export function tookTooLong(seconds: number): Problem {
  return { code: 'slow-boot', message: `it was not healthy within ${seconds} s` }
}

export function queuedMessage(release: number, ahead: number | null): string {
  return ahead === null ? `v${release} is about to start` : `v${release} waits until v${ahead} is done`
}

export function startingMessage(facts: Facts, healthy: number, wanted: number): string {
  const { release, app } = facts.rollout
  return wanted === 0
    ? `v${release} of ${app} starts`
    : `v${release} of ${app} starts: ${healthy} of ${wanted} web healthy`
}

export function switchingMessage(release: number, healthy: number, wanted: number): string {
  return `traffic moves to v${release}: ${healthy} of ${wanted} web take it`
}

export function finishingMessage(facts: Facts): string {
  const { release, previous } = facts.rollout
  return previous === null || previous === release
    ? `v${release} takes over`
    : `v${release} takes over, v${previous} finishes its requests and stops`
}

export function commandMessage(release: number): string {
  return `the release command of v${release} runs`
}

export function commandFailed(release: number, job: JobStatus): string {
  const how =
    job.exit !== undefined
      ? `ended with ${job.exit}`
      : job.signal
        ? `was ended by ${job.signal}`
        : (job.reason ?? 'did not succeed')
  return `the release command of v${release} ${how}`
}

export function commandUnknown(release: number, job: JobStatus): string {
  const reason = job.reason ? ` (${job.reason})` : ''
  return `nobody knows whether the release command of v${release} succeeded${reason}: look, then decide`
}

export function askingHint(id: string): string {
  return `tow rollout retry ${id} starts it once more; tow rollout abort ${id} gives up`
}

export function givingUpCommand(release: number): string {
  return `giving up v${release}: its release command is being ended`
}

export function lettingCommandEnd(release: number, newer: string | null): string {
  return `the release command of v${release} is left to end before ${newer ?? 'a newer release'} goes on`
}

export function undoingMessage(rollout: Pick<RolloutState, 'previous'>, reason: string): string {
  return rollout.previous === null
    ? `stopping what was started: ${reason}`
    : `going back to v${rollout.previous}: ${reason}`
}

export function liveMessage(release: number, app: string, environment: string): string {
  return `v${release} of ${app} is live in ${environment}`
}

/** Why it ended, and what serves now. */
export function endMessage(
  rollout: Pick<RolloutState, 'previous' | 'release'>,
  outcome: Outcome,
  reason: string,
): string {
  const now = rollout.previous === null ? 'nothing is left running' : `v${rollout.previous} serves as before`
  return outcome === 'failed' ? `${reason}; ${now}` : `v${rollout.release} ${reason}; ${now}`
}

export function abortedReason(by: string | null): string {
  return `was aborted by ${by ?? 'someone'}`
}

export function supersededReason(newer: string | null): string {
  return `was superseded by ${newer ?? 'a newer release'}`
}

export function waitingMessage(trouble: { message: string }): string {
  return `waiting: ${trouble.message}`
}

export function awayMessage(environment: string, seconds: number): string {
  return `waiting: the engine of ${environment} has not answered for ${seconds} s`
}

export function notFound(id: string): TowError {
  return new TowError('NOT_FOUND', `there is no rollout "${id}"`, { hint: 'tow rollout' })
}

export function alreadyOver(rollout: Pick<RolloutState, 'id' | 'phase' | 'release'>): TowError {
  return new TowError(
    'CONFLICT',
    `rollout ${rollout.id} of v${rollout.release} is over: it is ${rollout.phase}`,
    rollout.phase === 'live' ? { hint: 'tow rollback goes back to the release before' } : {},
  )
}

export function nothingToRetry(rollout: Pick<RolloutState, 'id' | 'phase' | 'release'>): TowError {
  return new TowError(
    'CONFLICT',
    rollout.phase === 'live'
      ? `v${rollout.release} is live: there is nothing to retry`
      : `rollout ${rollout.id} of v${rollout.release} is under way (${rollout.phase}): there is nothing to retry`,
  )
}

export function newerIsLive(release: number, live: number): TowError {
  return new TowError('CONFLICT', `v${live} is live and newer than v${release}`, {
    hint: 'tow ship ships what you have now; tow rollback goes back to what was live',
  })
}

export function anotherIsUnderWay(rollout: Pick<RolloutState, 'id' | 'release' | 'phase'>): TowError {
  return new TowError('CONFLICT', `v${rollout.release} is under way (${rollout.phase})`, {
    hint: `tow rollout abort ${rollout.id}`,
  })
}

export function noSuchProcess(app: string, asked: string, known: readonly string[]): TowError {
  const there = known.length === 0 ? 'it has none' : `there is ${known.join(', ')}`
  return new TowError('NOT_FOUND', `${app} has no process "${asked}"; ${there}`, { hint: `tow ps -a ${app}` })
}

export function nothingLive(app: string, environment: string): TowError {
  return new TowError('NOT_FOUND', `${app} has no release in ${environment}`, {
    hint: `tow ship -a ${app} -e ${environment}`,
  })
}
