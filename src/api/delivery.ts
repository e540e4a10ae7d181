import * as z from 'zod'
import { Name, Timestamp } from './names.ts'
import { operation } from './operation.ts'

const Figures = z.object({
  deployments: z.int(),
  perDay: z.number(),
  /** Seconds; null where nothing went live. */
  leadTimeMedian: z.number().nullable(),
  leadTimeNinetieth: z.number().nullable(),
  rollouts: z.int(),
  failed: z.int(),
  rolledBack: z.int(),
  /** In percent of rollouts; null where there were none. */
  failurePercent: z.number().nullable(),
})
export type Figures = z.infer<typeof Figures>

const DeliveryFigures = z.object({
  environment: Name,
  since: Timestamp,
  all: Figures,
  /** Most deployments first. */
  apps: z.array(Figures.extend({ app: Name })),
  /** Oldest first, days in UTC, also those on which nothing happened. */
  days: z.array(z.object({ day: z.iso.date(), deployments: z.int(), failures: z.int() })),
})
export type DeliveryFigures = z.infer<typeof DeliveryFigures>

export const delivery = {
  figures: operation({
    method: 'GET',
    path: '/delivery',
    summary: 'How often, how fast and how safely is delivered to an environment',
    permission: 'read',
  })
    .input(
      z.object({
        /** Default: the last of the pipeline. */
        environment: Name.optional(),
        days: z.int().min(1).max(366).default(30),
      }),
    )
    .output(DeliveryFigures),
}
