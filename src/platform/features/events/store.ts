import type { Event } from '../../../api/events.ts'
import type { KernelTables, Queries } from '../../kernel/database.ts'
import { TOPICS } from './topics.ts'

export interface EventFilter {
  app?: string | undefined
  environment?: string | undefined
  /** A kind, or the noun before the dot: `rollout` for all of `rollout.*`. */
  kind?: string | undefined
  topic?: keyof typeof TOPICS | undefined
  by?: string | undefined
}

type Row = KernelTables['events']

function matching(db: Queries, { app, environment, kind, topic, by }: EventFilter) {
  let query = db.selectFrom('events').selectAll()
  if (app !== undefined) query = query.where('app', '=', app)
  if (environment !== undefined) query = query.where('environment', '=', environment)
  if (by !== undefined) query = query.where('by', '=', by)
  for (const kinds of [kind === undefined ? null : [kind], topic === undefined ? null : TOPICS[topic]]) {
    if (kinds === null) continue
    query = query.where((where) =>
      where.or(
        kinds.map((one) =>
          one.includes('.')
            ? where('kind', '=', one)
            : where(where.fn('starts_with', ['kind', where.val(`${one}.`)]), '=', true),
        ),
      ),
    )
  }
  return query
}

interface Window {
  /** From then on, and before then. */
  since?: string | undefined
  until?: string | undefined
  /** Before this position. */
  before?: number | undefined
  /** The first so many after this position, instead of the newest. */
  after?: number | undefined
  limit: number
}

/** Newest first. */
export async function newestEvents(
  db: Queries,
  filter: EventFilter,
  { since, until, before, after, limit }: Window,
): Promise<Event[]> {
  let query = matching(db, filter)
    .orderBy('position', after === undefined ? 'desc' : 'asc')
    .limit(limit)
  if (after !== undefined) query = query.where('position', '>', after)
  if (before !== undefined) query = query.where('position', '<', before)
  if (since !== undefined) query = query.where('at', '>=', new Date(since))
  if (until !== undefined) query = query.where('at', '<', new Date(until))
  const events = (await query.execute()).map(toEvent)
  return after === undefined ? events : events.reverse()
}

/** Oldest first: the positions of committed events only grow, so going on from the last one skips nothing. */
export async function eventsAfter(
  db: Queries,
  filter: EventFilter,
  { after, limit }: { after: number; limit: number },
): Promise<Event[]> {
  const rows = await matching(db, filter)
    .where('position', '>', after)
    .orderBy('position', 'asc')
    .limit(limit)
    .execute()
  return rows.map(toEvent)
}

export async function lastPosition(db: Queries): Promise<number> {
  const row = await db
    .selectFrom('events')
    .select((select) => select.fn.max('position').as('position'))
    .executeTakeFirst()
  return row?.position ?? 0
}

function toEvent(row: Row): Event {
  return { ...row, at: row.at.toISOString(), facts: row.facts as Record<string, unknown> }
}
