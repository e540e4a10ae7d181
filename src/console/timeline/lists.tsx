/** Events as a filter leaves them: from the newest on, or around one of them. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect } from 'react'
import type { Event } from '../../api/events.ts'
import { EventRows } from '../parts/events.tsx'
import { Card, Empty, Loaded } from '../parts/parts.tsx'
import { platform } from '../platform.ts'

export type EventFilter = Omit<Parameters<typeof platform.events.list>[0], 'before' | 'after' | 'limit'>

const PAGE = 100
/** Newer ones that are shown above the one that is looked for. */
const NEWER = 10

/** The filters stay, also those that the view began with: whoever follows it sees what is seen now. */
const within = (kind: string) => (event: Event) => (
  <Link
    to="/timeline"
    search={(before: object) => ({ ...before, kind, at: String(event.position) })}
    data-row
    resetScroll={false}
  >
    {event.message}
  </Link>
)

interface Shown {
  filter: EventFilter
  /** As the page shows it, whether the address says it or not. */
  kind: string
}

export function Newest({ filter, kind, isFiltered }: Shown & { isFiltered: boolean }) {
  const query = usePages(filter, undefined)
  return (
    <Loaded query={query} lines={10}>
      {({ pages }) => {
        const events = pages.flat()
        if (events.length === 0)
          return (
            <Empty title={isFiltered ? 'Nothing like that happened' : 'Nothing happened yet'}>
              {isFiltered && (
                <Link to="/timeline" search={{ kind: 'all' }}>
                  Everything
                </Link>
              )}
            </Empty>
          )
        return (
          <Card title="Newest first" flush>
            <EventRows events={events} link={within(kind)} />
            <Older query={query} />
          </Card>
        )
      }}
    </Loaded>
  )
}

/** The one at this position, whatever the filters are, among those that they leave. */
export function Around({ filter, kind, at }: Shown & { at: number }) {
  const itself = useQuery({
    queryKey: ['events', 'at', at],
    queryFn: () => platform.events.list({ before: at + 1, limit: 1 }),
    staleTime: Number.POSITIVE_INFINITY,
  })
  const newer = useQuery({
    queryKey: ['events', 'newer', filter, at],
    queryFn: () => platform.events.list({ ...filter, after: at, limit: NEWER }),
  })
  const older = usePages(filter, at)
  const isThere = newer.data !== undefined && older.data !== undefined
  useEffect(() => {
    if (isThere) document.getElementById(`event-${at}`)?.scrollIntoView({ block: 'center' })
  }, [isThere, at])
  return (
    <Loaded query={itself} lines={10}>
      {([event]) => {
        if (!event || event.position !== at)
          return (
            <Empty title={`There is no event ${at}`}>
              <Link to="/timeline" search={{ kind: 'all' }}>
                Everything
              </Link>
            </Empty>
          )
        return (
          <Loaded query={newer} lines={10}>
            {(above) => (
              <Loaded query={older} lines={10}>
                {({ pages }) => (
                  <Card
                    title={`Around event ${at}`}
                    end={
                      <Link to="/timeline" search={(before: object) => ({ ...before, at: '' })}>
                        The newest
                      </Link>
                    }
                    flush
                  >
                    <EventRows events={[...above, event, ...pages.flat()]} chosen={at} link={within(kind)} />
                    <Older query={older} />
                  </Card>
                )}
              </Loaded>
            )}
          </Loaded>
        )
      }}
    </Loaded>
  )
}

/** Page by page, into the past; before this position, or from the newest on. */
function usePages(filter: EventFilter, at: number | undefined) {
  return useInfiniteQuery({
    queryKey: ['events', 'timeline', filter, at],
    queryFn: ({ pageParam }) =>
      platform.events.list({
        ...filter,
        limit: PAGE,
        ...(pageParam === undefined ? {} : { before: pageParam }),
      }),
    initialPageParam: at as number | undefined,
    getNextPageParam: (last) => (last.length === PAGE ? last.at(-1)!.position : undefined),
  })
}

function Older({ query }: { query: ReturnType<typeof usePages> }) {
  if (!query.hasNextPage) return null
  return (
    <p className="note">
      <button
        type="button"
        className="button"
        disabled={query.isFetching}
        onClick={() => void query.fetchNextPage()}
      >
        {query.isFetchingNextPage ? 'Loading…' : `${PAGE} older`}
      </button>
    </p>
  )
}
