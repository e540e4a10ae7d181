/** How a company delivers, as figures that a lead asks for. It keeps nothing: releases say it all. */
import { TowError } from '../../../api/errors.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { operations } from '../../kernel/operations.ts'
import type { Releases } from '../releases/index.ts'
import { beginOf, figuresOf } from './rules.ts'

export interface DeliveryOptions {
  database: Database
  clock: Clock
  releases: Pick<Releases, 'deliveredSince'>
  /** Environments in the order of the pipeline. */
  order: (db: Queries | Within) => Promise<string[]>
}

export function createDelivery({ database, clock, releases, order }: DeliveryOptions) {
  const routes = {
    delivery: {
      figures: operations.delivery.figures.handler(async ({ input: { environment: asked, days } }) => {
        const known = await order(database.db)
        const environment = asked ?? known.at(-1)
        if (environment === undefined || !known.includes(environment)) {
          throw new TowError('NOT_FOUND', `there is no environment ${JSON.stringify(environment ?? '')}`, {
            hint: 'tow env',
          })
        }
        const now = clock.now()
        const since = beginOf(now, days)
        const delivered = await releases.deliveredSince(database.db, environment, since)
        return figuresOf(delivered, { environment, since, now })
      }),
    },
  }
  return { name: 'delivery', migrations: [], routes } satisfies Feature
}
