/** The one timeline: who did what to what, when and why. Read here; written by every change in its own transaction. */
import { withEventMeta } from '@orpc/server'
import { TowError } from '../../../api/errors.ts'
import type { Database } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { operations } from '../../kernel/operations.ts'
import { followEvents } from './follow.ts'
import { newestEvents } from './store.ts'

export function createEvents({ database }: { database: Database }) {
  const routes = {
    events: {
      list: operations.events.list.handler(({ input }) => {
        const { since, until, before, after, limit, ...filter } = input
        return newestEvents(database.db, filter, { since, until, before, after, limit })
      }),
      follow: operations.events.follow.handler(async function* ({ input, context, lastEventId }) {
        const { after, ...filter } = input
        const from = lastEventId === undefined ? after : positionOf(lastEventId)
        for await (const event of followEvents(database, filter, from, context.signal)) {
          yield withEventMeta(event, { id: String(event.position) })
        }
      }),
    },
  }
  return { name: 'events', migrations: [], routes } satisfies Feature
}

function positionOf(lastEventId: string): number {
  if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId)
  throw new TowError(
    'BAD_INPUT',
    `Last-Event-ID ${JSON.stringify(lastEventId)} is no position in the timeline`,
  )
}
