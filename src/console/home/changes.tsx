/** What changed since this browser last looked. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect } from 'react'
import { queries } from '../live/queries.ts'
import { EventRows } from '../parts/events.tsx'
import { Card, Empty, Loaded } from '../parts/parts.tsx'

const MOST = 100
const SHOWN = 12
const KEY = 'towpath.seen'

/** As it was when this page was opened: what is new stays marked while it is looked at. */
const seenBefore = Number(localStorage.getItem(KEY) ?? 0)

export function Changes() {
  const query = useQuery(queries.events({ limit: MOST }))
  const newest = query.data?.[0]?.position
  useEffect(() => {
    if (newest !== undefined) localStorage.setItem(KEY, String(newest))
  }, [newest])
  return (
    <Loaded query={query}>
      {(events) => {
        const fresh = events.filter(({ position }) => position > seenBefore)
        const count = fresh.length === MOST ? `${MOST} or more` : String(fresh.length)
        const shown = (fresh.length > 0 ? fresh : events).slice(0, SHOWN)
        return (
          <Card
            title={fresh.length > 0 ? 'Since you last looked' : 'Lately'}
            end={<Link to="/timeline">{fresh.length > SHOWN ? `All ${count} changes` : 'The timeline'}</Link>}
            flush
          >
            {shown.length === 0 ? (
              <Empty title="Nothing happened yet">
                <span>Whatever anybody does appears here as it happens.</span>
              </Empty>
            ) : (
              <EventRows events={shown} />
            )}
          </Card>
        )
      }}
    </Loaded>
  )
}
