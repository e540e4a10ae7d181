import { eventIterator } from '@orpc/contract'
import * as z from 'zod'
import { Name, Timestamp } from './names.ts'
import { operation } from './operation.ts'

/** One row of the one timeline: who did what to what, when and why. */
export const Event = z.object({
  /** Position in commit order; reading on from it misses nothing. */
  position: z.int(),
  at: Timestamp,
  /** `release.created`, `rollout.failed`, `config.changed`, ... */
  kind: z.string(),
  by: z.string(),
  app: z.string().nullable(),
  environment: z.string().nullable(),
  release: z.int().nullable(),
  /** One sentence. */
  message: z.string(),
  /** Facts for machines; never a secret. */
  facts: z.record(z.string(), z.unknown()),
})
export type Event = z.infer<typeof Event>

const Filter = z.object({
  app: Name.optional(),
  environment: Name.optional(),
  /** A kind, or the noun before the dot: `rollout` for all of `rollout.*`. */
  kind: z.string().max(64).optional(),
  /**
   * `customers`: what may change how an app behaves for whoever uses it. `deliveries`: what came, and how that went.
   * `changes`: what is different afterwards, without the steps on the way.
   */
  topic: z.enum(['customers', 'deliveries', 'changes']).optional(),
  by: z.string().max(128).optional(),
})

export const events = {
  list: operation({
    method: 'GET',
    path: '/events',
    summary: 'The timeline, newest first',
    permission: 'read',
  })
    .input(
      Filter.extend({
        since: Timestamp.optional(),
        until: Timestamp.optional(),
        before: z.int().min(0).optional(),
        /** The first so many after this position, instead of the newest. */
        after: z.int().min(0).optional(),
        limit: z.int().min(1).max(1000).default(50),
      }),
    )
    .output(z.array(Event)),
  follow: operation({
    method: 'GET',
    path: '/events/updates',
    summary: 'The timeline as it grows, from a position on',
    permission: 'read',
  })
    .input(Filter.extend({ after: z.int().min(0).optional() }))
    .output(eventIterator(Event)),
  why: operation({
    method: 'GET',
    path: '/apps/{app}/why',
    summary: 'The chain of facts that explains the state an app is in',
    permission: 'read',
  })
    .input(z.object({ app: Name, environment: Name.optional() }))
    .output(
      z.array(
        z.object({
          environment: z.string(),
          /** One sentence that answers. */
          answer: z.string(),
          facts: z.array(
            z.object({ at: Timestamp.nullable(), text: z.string(), lines: z.array(z.string()).default([]) }),
          ),
          /** Commands that go on from here. */
          next: z.array(z.string()),
        }),
      ),
    ),
}
