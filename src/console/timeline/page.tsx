/** The timeline: everything, by whom and when; every choice of what to see has an address. */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { queries } from '../live/queries.ts'
import { EventRows } from '../parts/events.tsx'
import { Card, Empty, Loaded, PageHead } from '../parts/parts.tsx'
import { platform } from '../platform.ts'

const route = getRouteApi('/timeline')
const PAGE = 100
const AROUND = 20
const KINDS = [
  'app',
  'build',
  'ship',
  'release',
  'rollout',
  'config',
  'process',
  'maintenance',
  'environment',
  'person',
  'team',
  'token',
  'session',
  'platform',
]

type Search = ReturnType<typeof route.useSearch>

/** What a field of a browser says, in its own time zone, as the API wants it. */
const instant = (text: string | undefined) => {
  const at = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(at) ? undefined : new Date(at).toISOString()
}

function asked({ app, environment, by, kind, since, until }: Search) {
  const filter = { app, environment, by, kind, since: instant(since), until: instant(until) }
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value)) as {
    [Key in keyof typeof filter]?: string
  }
}

export function TimelinePage() {
  const search = route.useSearch()
  const navigate = useNavigate({ from: '/timeline' })
  const { data: apps = [] } = useQuery(queries.apps())
  const { data: people = [] } = useQuery(queries.people())
  const { data: pipeline } = useQuery(queries.pipeline())
  const set = (next: Partial<Search>) =>
    void navigate({
      search: (before: Search) => ({ ...before, at: '', ...next }) as Search,
      replace: true,
      resetScroll: false,
    })
  const filter = asked(search)
  const isFiltered = Object.keys(filter).length > 0
  return (
    <>
      <PageHead title="Timeline" below="Who did what to what, and when" />
      <div className="filters">
        <Field label="App" name="app" value={search.app} list={apps.map(({ name }) => name)} set={set} />
        <Field
          label="Environment"
          name="environment"
          value={search.environment}
          list={pipeline?.environments ?? []}
          set={set}
        />
        <Field label="Person" name="by" value={search.by} list={people.map(({ name }) => name)} set={set} />
        <label className="field">
          Kind
          <select value={search.kind ?? ''} onChange={(event) => set({ kind: event.target.value })}>
            <option value="">all</option>
            {KINDS.map((kind) => (
              <option key={kind}>{kind}</option>
            ))}
          </select>
        </label>
        <label className="field">
          From
          <input
            className="input"
            type="datetime-local"
            value={search.since ?? ''}
            onChange={(event) => set({ since: event.target.value })}
          />
        </label>
        <label className="field">
          Until
          <input
            className="input"
            type="datetime-local"
            value={search.until ?? ''}
            onChange={(event) => set({ until: event.target.value })}
          />
        </label>
        {(isFiltered || search.at) && (
          <button type="button" className="button" onClick={() => void navigate({ search: {} })}>
            Show everything
          </button>
        )}
      </div>
      <Events filter={filter} at={search.at ? Number(search.at) : undefined} isFiltered={isFiltered} />
    </>
  )
}

function Events({
  filter,
  at,
  isFiltered,
}: {
  filter: ReturnType<typeof asked>
  at: number | undefined
  isFiltered: boolean
}) {
  const query = useInfiniteQuery({
    queryKey: ['events', 'timeline', filter, at],
    queryFn: ({ pageParam }) =>
      platform.events.list({
        ...filter,
        limit: PAGE,
        ...(pageParam === undefined ? {} : { before: pageParam }),
      }),
    initialPageParam: (at === undefined ? undefined : at + AROUND) as number | undefined,
    getNextPageParam: (last) => (last.length === PAGE ? last.at(-1)!.position : undefined),
  })
  return (
    <Loaded query={query} lines={10}>
      {({ pages }) => {
        const events = pages.flat()
        if (events.length === 0)
          return (
            <Empty title={isFiltered ? 'Nothing like that happened' : 'Nothing happened yet'}>
              <Link to="/timeline" search={{}}>
                Everything
              </Link>
            </Empty>
          )
        return (
          <Card title={at === undefined ? 'Newest first' : `Around ${at}`} flush>
            <EventRows events={events} chosen={at} />
            {query.hasNextPage && (
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
            )}
          </Card>
        )
      }}
    </Loaded>
  )
}

function Field({
  label,
  name,
  value,
  list,
  set,
}: {
  label: string
  name: 'app' | 'environment' | 'by'
  value: string | undefined
  list: readonly string[]
  set: (next: Partial<Search>) => void
}) {
  return (
    <label className="field">
      {label}
      <select value={value ?? ''} onChange={(event) => set({ [name]: event.target.value })}>
        <option value="">all</option>
        {[...new Set([...(value ? [value] : []), ...list])].map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  )
}
