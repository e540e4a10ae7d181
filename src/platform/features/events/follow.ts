import type { Event } from '../../../api/events.ts'
import type { Database } from '../../kernel/database.ts'
import { type EventFilter, eventsAfter, lastPosition } from './store.ts'

const BATCH = 500

/**
 * Every matching event after a position, in commit order, as they come, until the signal. Listens before it reads, so
 * that what is committed in between wakes it.
 */
export async function* followEvents(
  { db, listen }: Pick<Database, 'db' | 'listen'>,
  filter: EventFilter,
  from: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<Event> {
  const wakes = wakesOf(listen, signal)
  try {
    let after = from ?? (await lastPosition(db))
    while (!signal.aborted) {
      const events = await eventsAfter(db, filter, { after, limit: BATCH })
      for (const event of events) {
        yield event
        after = event.position
      }
      if (events.length < BATCH) await wakes.next()
    }
  } finally {
    wakes.stop()
  }
}

/** Remembers a wake that came while nobody waited. */
function wakesOf(listen: Database['listen'], signal: AbortSignal) {
  let isOwed = false
  let notify: (() => void) | null = null
  const wake = () => {
    isOwed = true
    notify?.()
  }
  const unlisten = listen('events', wake)
  signal.addEventListener('abort', wake)
  return {
    async next() {
      if (!isOwed) await new Promise<void>((resolve) => (notify = resolve))
      isOwed = false
    },
    stop() {
      unlisten()
      signal.removeEventListener('abort', wake)
    },
  }
}
