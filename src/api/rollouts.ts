import { eventIterator } from '@orpc/contract'
import * as z from 'zod'
import { Name, ReleaseNumber, Timestamp } from './names.ts'
import { operation } from './operation.ts'

export const RolloutPhase = z.enum([
  'queued', // another rollout of the app runs
  'release-command', // runs once, before anything starts
  'asking', // the outcome of the release command is unknown: a person decides
  'starting', // new processes come up
  'switching', // traffic moves, in steps where the set is large
  'finishing', // workers and crons take over, old processes drain
  'undoing', // traffic goes back to the old set, new processes stop
  'live',
  'failed',
  'aborted',
  'superseded',
])
export type RolloutPhase = z.infer<typeof RolloutPhase>

export const Rollout = z.object({
  id: z.string(),
  app: Name,
  environment: Name,
  release: ReleaseNumber,
  /** What served before, and serves again when this one fails. */
  previous: ReleaseNumber.nullable(),
  phase: RolloutPhase,
  /** What it is doing or why it ended, one sentence. */
  message: z.string(),
  hint: z.string().nullable(),
  lastLines: z.array(z.string()),
  by: z.string(),
  startedAt: Timestamp,
  endedAt: Timestamp.nullable(),
  /** Phases with their times, oldest first. */
  history: z.array(z.object({ phase: RolloutPhase, at: Timestamp, message: z.string() })),
})
export type Rollout = z.infer<typeof Rollout>

const ById = z.object({ id: z.string().max(64) })

export const rollouts = {
  list: operation({ method: 'GET', path: '/rollouts', summary: 'Rollouts, newest first', permission: 'read' })
    .input(
      z.object({
        app: Name.optional(),
        environment: Name.optional(),
        active: z.boolean().optional(),
        limit: z.int().min(1).max(500).default(20),
      }),
    )
    .output(z.array(Rollout)),
  get: operation({ method: 'GET', path: '/rollouts/{id}', summary: 'One rollout', permission: 'read' })
    .input(ById)
    .output(Rollout),
  follow: operation({
    method: 'GET',
    path: '/rollouts/{id}/updates',
    summary: 'A rollout as it happens, until it is over',
    permission: 'read',
  })
    .input(ById)
    .output(eventIterator(Rollout)),
  abort: operation({
    method: 'POST',
    path: '/rollouts/{id}/abort',
    summary: 'Give up a rollout; the old release goes on serving',
    permission: 'app:change',
    objects: { rollout: 'id' },
  })
    .input(ById)
    .output(Rollout),
  retry: operation({
    method: 'POST',
    path: '/rollouts/{id}/retry',
    summary: 'Roll the same release out again; an unknown release command is started once more',
    permission: 'app:change',
    objects: { rollout: 'id' },
  })
    .input(ById)
    .output(Rollout),
}
