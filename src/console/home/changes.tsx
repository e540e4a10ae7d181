/** What changed since this browser last looked. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect } from 'react'
import type { Event } from '../../api/events.ts'
import { queries } from '../live/queries.ts'
import { EventRows } from '../parts/events.tsx'
import { Card, Empty, Loaded, plural } from '../parts/parts.tsx'
import { Ago } from '../parts/time.tsx'
import { note, readAll, useSeenBefore } from './seen.ts'

const MOST = 200
const SHOWN = 10

export function Changes() {
  const query = useQuery(queries.events({ topic: 'changes', limit: MOST }))
  const seen = useSeenBefore()
  const newest = query.data?.[0]?.position
  useEffect(() => {
    if (newest !== undefined) note(newest)
  }, [newest])
  return (
    <Loaded query={query}>
      {(events) => {
        // To whoever looks for the first time, everything would be new.
        const fresh = seen.at === null ? [] : events.filter(({ position }) => position > seen.position)
        const isNew = fresh.length > 0
        const shown = (isNew ? fresh : events).slice(0, SHOWN)
        return (
          <Card
            title={
              isNew ? (
                <>
                  Since you last looked, <Ago at={seen.at!} />
                </>
              ) : (
                'Lately'
              )
            }
            end={
              isNew && (
                <button
                  type="button"
                  className="button"
                  data-tone="quiet"
                  onClick={() => readAll(events[0]!.position)}
                >
                  I have read it
                </button>
              )
            }
            flush
          >
            {isNew && <p className="note soft">{summaryOf(fresh)}</p>}
            {shown.length === 0 ? (
              <Empty title="Nothing happened yet">
                <span>Whatever anybody does appears here as it happens.</span>
              </Empty>
            ) : (
              <EventRows events={shown} />
            )}
            <p className="note">
              <Link to="/timeline">
                {isNew && fresh.length > SHOWN ? `All of it in the timeline` : 'The timeline'}
              </Link>
            </p>
          </Card>
        )
      }}
    </Loaded>
  )
}

const COUNTED: [kind: RegExp, words: string][] = [
  [/^rollout\.live$/, 'went live'],
  [/\.failed$/, 'failed'],
  [/^config\.changed$/, 'changed config'],
  [/^drift\.found$/, 'changed by hand'],
]

/** `12 changes: 4 went live, 1 failed, 7 others`. */
function summaryOf(events: readonly Event[]): string {
  const counted = COUNTED.map(([kind, words]) => ({
    words,
    count: events.filter((event) => kind.test(event.kind)).length,
  })).filter(({ count }) => count > 0)
  const others = events.length - counted.reduce((sum, { count }) => sum + count, 0)
  const parts = counted.map(({ words, count }) => `${count} ${words}`)
  if (others > 0 && parts.length > 0) parts.push(`${others} other${others === 1 ? '' : 's'}`)
  const all = `${plural(events.length, 'change')}${events.length >= MOST ? ' or more' : ''}`
  return parts.length === 0 ? all : `${all}: ${parts.join(', ')}`
}
