/** The timeline: everything, by whom and when; every choice of what to see has an address. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { queries } from '../live/queries.ts'
import { Filters } from '../parts/filters.tsx'
import { PageHead } from '../parts/parts.tsx'
import { Pick } from '../parts/pick.tsx'
import { useChoice, type View } from '../shell/choices.ts'
import { Around, type EventFilter, Newest } from './lists.tsx'

const route = getRouteApi('/timeline')
const KINDS = [
  ...['app', 'build', 'ship', 'release', 'rollout', 'config', 'process', 'run', 'maintenance', 'drift'],
  ...['space', 'domain', 'need', 'dump', 'environment', 'drain', 'repository'],
  ...['person', 'team', 'token', 'session', 'key', 'platform'],
]
/** What belongs together, in place of a kind. */
const TOPICS = {
  changes: 'what changed',
  customers: 'what customers may feel',
  deliveries: 'deliveries',
} as const
type Topic = keyof typeof TOPICS
const isTopic = (kind: string): kind is Topic => kind in TOPICS
/** What each view begins with, where the address says nothing. */
const FIRST: Record<View, string> = { developer: '', support: 'customers', lead: 'deliveries' }
const ALL = 'all'

/** One that is not in the list, as a link may name it, is there too. */
const kindsWith = (kind: string) =>
  kind === '' || kind === ALL || isTopic(kind) || KINDS.includes(kind) ? KINDS : [kind, ...KINDS]

type Search = ReturnType<typeof route.useSearch>

/** What a field of a browser says, in its own time zone, as the API wants it. */
const instant = (text: string | undefined) => {
  const at = text === undefined ? Number.NaN : Date.parse(text)
  return Number.isNaN(at) ? undefined : new Date(at).toISOString()
}

function asked({ app, environment, by, kind, since, until }: Search) {
  const of = kind === undefined || kind === ALL ? {} : isTopic(kind) ? { topic: kind } : { kind }
  const filter = { app, environment, by, since: instant(since), until: instant(until), ...of }
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value)) as EventFilter
}

export function TimelinePage() {
  const search = route.useSearch()
  const navigate = useNavigate({ from: '/timeline' })
  const { data: apps = [] } = useQuery(queries.apps())
  const { data: people = [] } = useQuery(queries.people())
  const { data: pipeline } = useQuery(queries.pipeline())
  const view = useChoice('view')
  // An address that names one event shows it to everybody in the same way.
  const kind = search.kind ?? (search.at ? '' : FIRST[view])
  const set = (next: Partial<Search>) =>
    void navigate({
      search: (before: Search) => ({ ...before, at: '', ...next }) as Search,
      replace: true,
      resetScroll: false,
    })
  const filter = asked({ ...search, kind })
  const isFiltered = Object.keys(filter).length > 0
  return (
    <>
      <PageHead title="Timeline" below="Who did what to what, and when" />
      <Filters set={Object.keys(filter).length}>
        <Pick label="App" value={search.app} of={apps.map(({ name }) => name)} set={(app) => set({ app })} />
        <Pick
          label="Environment"
          value={search.environment}
          of={pipeline?.environments ?? []}
          set={(environment) => set({ environment })}
        />
        <Pick
          label="Person"
          value={search.by}
          of={people.map(({ name }) => name)}
          set={(by) => set({ by })}
        />
        <label className="field">
          Kind
          <select value={kind || ALL} onChange={(event) => set({ kind: event.target.value })}>
            <option value={ALL}>all</option>
            {Object.entries(TOPICS).map(([topic, words]) => (
              <option key={topic} value={topic}>
                {words}
              </option>
            ))}
            {kindsWith(kind).map((one) => (
              <option key={one}>{one}</option>
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
          <button type="button" className="button" onClick={() => void navigate({ search: { kind: ALL } })}>
            Show everything
          </button>
        )}
      </Filters>
      {search.at ? (
        <Around filter={filter} kind={kind} at={Number(search.at)} />
      ) : (
        <Newest filter={filter} kind={kind} isFiltered={isFiltered} />
      )}
    </>
  )
}
