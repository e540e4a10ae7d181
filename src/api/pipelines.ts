import * as z from 'zod'
import { ConfigKey, Name, ReleaseNumber, Timestamp } from './names.ts'
import { operation } from './operation.ts'
import { ReleaseDifference, ReleaseSummary } from './releases.ts'

export const PromotionPlan = z.object({
  app: Name,
  from: Name,
  to: Name,
  /** The release that is pinned; the promotion is refused when it is no longer the live one. */
  pinned: z.object({ id: z.string(), number: ReleaseNumber }).nullable(),
  differences: z.array(ReleaseDifference),
  /**
   * Releases of other code that went live there since what the target serves did, newest first; where that never was
   * there, the pinned one alone.
   */
  brings: z.array(
    z.object({
      number: ReleaseNumber,
      commit: z.string().nullable(),
      /** First line of the commit's message, else what the release says of itself. */
      subject: z.string(),
      by: z.string(),
      liveAt: Timestamp.nullable(),
    }),
  ),
  /** Config that the source of the promotion has and the target lacks, by name. Without a required one it is refused. */
  missingConfig: z.array(z.object({ key: ConfigKey, secret: z.boolean(), required: z.boolean() })),
  /** Every reason why it can't be done now; empty when it can. */
  refusals: z.array(z.object({ message: z.string(), hint: z.string().optional() })),
  /** True when the target already serves this artifact with this config. */
  unchanged: z.boolean(),
})
export type PromotionPlan = z.infer<typeof PromotionPlan>

export const pipelines = {
  get: operation({
    method: 'GET',
    path: '/pipeline',
    summary: 'The order of environments',
    permission: 'read',
  }).output(z.object({ environments: z.array(Name) })),
  plan: operation({
    method: 'POST',
    path: '/promotions/plan',
    summary: 'What a promotion would change',
    permission: 'read',
    changes: false,
  })
    .input(z.object({ apps: z.array(Name).min(1).max(200), to: Name.optional() }))
    .output(z.array(PromotionPlan)),
  promote: operation({
    method: 'POST',
    path: '/promotions',
    summary: 'Move the same artifacts to the next environment; all are checked before any moves',
    permission: 'app:change',
    objects: { app: 'apps.*.app', environment: 'to' },
  })
    .input(
      z.object({
        to: Name,
        apps: z
          .array(z.object({ app: Name, from: Name, release: z.string().max(64) }))
          .min(1)
          .max(200),
      }),
    )
    .output(z.array(z.object({ app: Name, release: ReleaseSummary, rollout: z.string().nullable() }))),
}
