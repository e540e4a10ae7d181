/** A rollout as it begins. Pure. */
import { queuedMessage } from './messages.ts'
import type { RolloutState } from './state.ts'

export function newRollout(options: {
  id: string
  app: string
  environment: string
  release: number
  by: string
  now: number
  /** The release that it waits for. */
  ahead?: number | null
  /** True where an earlier rollout of the same release ran its release command. */
  commandDone?: boolean
  counts?: Record<string, number> | null
}): RolloutState {
  const { now, ahead, commandDone, counts, ...identity } = options
  const message = queuedMessage(options.release, ahead ?? null)
  return {
    ...identity,
    previous: null,
    phase: 'queued',
    message,
    hint: null,
    lastLines: [],
    counts: counts ?? null,
    intent: null,
    intentBy: null,
    outcome: null,
    reason: null,
    attempt: 0,
    commandDone: commandDone ?? false,
    caughtUp: null,
    awaySince: null,
    startedAt: now,
    endedAt: null,
    history: [{ phase: 'queued', at: now, message }],
  }
}
