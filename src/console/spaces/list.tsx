/** Every space: over which environment, whose, what is in it, and until when. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useMemo, useState } from 'react'
import type { Space } from '../../api/spaces.ts'
import { queries } from '../live/queries.ts'
import { countSet, Filters } from '../parts/filters.tsx'
import { Card, Command, Empty, Loaded, PageHead, plural } from '../parts/parts.tsx'
import { Pick } from '../parts/pick.tsx'
import { State } from '../parts/state.tsx'
import { Ago } from '../parts/time.tsx'
import {
  commitOf,
  filterSpaces,
  hoursOf,
  type SpacesFilter,
  STATES,
  stateOf,
  toneOfCopy,
  wordOfCopy,
} from './words.ts'

const route = getRouteApi('/spaces')
/** More are shown when they are asked for. */
const MOST = 100

export function SpacesPage() {
  const filter = route.useSearch()
  const navigate = useNavigate({ from: '/spaces' })
  const { data: me } = useQuery(queries.me())
  const spaces = useQuery(queries.spaces())
  const [most, setMost] = useState(MOST)
  const all = spaces.data
  const shown = useMemo(() => filterSpaces(all ?? [], filter, me?.name), [all, filter, me])
  const apps = (all ?? []).flatMap((space) => space.apps)
  const awake = apps.filter(({ state }) => state === 'live' || state === 'starting').length
  const { cpu, memory } = hoursOf(apps)
  const set = (next: SpacesFilter) =>
    void navigate({ search: (before: SpacesFilter) => ({ ...before, ...next }), replace: true })
  const of = (key: 'environment' | 'owner') => [...new Set((all ?? []).map((space) => space[key]))].sort()
  return (
    <>
      <PageHead
        title="Spaces"
        below={
          all
            ? `${plural(all.length, 'space')} with ${plural(apps.length, 'app')}, ${awake} awake · ${cpu} and ${memory} asked for so far`
            : '\u00a0'
        }
      >
        {all && all.length > 0 && <Command text="tow dev" />}
      </PageHead>
      <Loaded query={spaces} lines={8}>
        {(every) =>
          every.length === 0 ? (
            <NoSpaces />
          ) : (
            <>
              <Filters
                set={countSet(filter.environment, filter.owner, filter.state)}
                first={
                  <label className="field grow">
                    Search
                    <input
                      className="input"
                      type="search"
                      data-search
                      placeholder="Space, app, person or branch"
                      value={filter.q ?? ''}
                      onChange={(event) => set({ q: event.target.value })}
                    />
                  </label>
                }
              >
                <Pick
                  label="Over"
                  value={filter.environment}
                  of={of('environment')}
                  set={(environment) => set({ environment })}
                />
                <Pick label="Whose" value={filter.owner} of={of('owner')} set={(owner) => set({ owner })} />
                <Pick label="State" value={filter.state} of={STATES} set={(state) => set({ state })} />
              </Filters>
              {shown.length === 0 ? (
                <Empty title="No space is like that">
                  <button type="button" className="button" onClick={() => void navigate({ search: {} })}>
                    Show all {every.length}
                  </button>
                </Empty>
              ) : (
                <Card
                  title={plural(shown.length, 'space')}
                  end={
                    <span className="soft">
                      {me && shown[0]?.owner === me.name ? 'yours first' : 'newest first'}
                    </span>
                  }
                  flush
                >
                  <ul className="rows spaces">
                    {shown.slice(0, most).map((space) => (
                      <SpaceRow key={space.name} space={space} isMine={space.owner === me?.name} />
                    ))}
                  </ul>
                  {shown.length > most && (
                    <p className="note">
                      <button type="button" className="button" onClick={() => setMost(most + MOST)}>
                        {Math.min(MOST, shown.length - most)} more of {shown.length}
                      </button>
                    </p>
                  )}
                </Card>
              )}
            </>
          )
        }
      </Loaded>
    </>
  )
}

function SpaceRow({ space, isMine }: { space: Space; isMine: boolean }) {
  const { name, environment, owner, apps, expiresAt, removing } = space
  const state = stateOf(space)
  const { cpu, memory } = hoursOf(apps)
  return (
    <li>
      <div className="space-name">
        <State
          tone={state ? toneOfCopy(state) : 'none'}
          word={state ? wordOfCopy(state) : 'nothing is in it'}
          hideWord
        />
        <div className="clip">
          <Link to="/spaces/$space" params={{ space: name }} data-row>
            <strong>{name}</strong>
          </Link>
          <div className="soft clip">
            over {environment} · {isMine ? 'yours' : owner}
          </div>
        </div>
      </div>
      <ul className="copies">
        {apps.map((app) => (
          <li key={app.app}>
            <State
              tone={toneOfCopy(app.state)}
              word={wordOfCopy(app.state)}
              hideWord={app.state === 'live'}
            />
            <strong>{app.app}</strong>
            <span className="soft">
              {commitOf(app)} · <Ago at={app.since} />
            </span>
            {app.swap && (
              <span className="tag" data-tone="warn">
                has all traffic
              </span>
            )}
            {app.attached && (
              <span className="tag" data-tone="good" title={`${app.attached.by} is at it with tow dev`}>
                {app.attached.by} is at it
              </span>
            )}
          </li>
        ))}
        {apps.length === 0 && <li className="soft">nothing is in it yet</li>}
      </ul>
      <div className="end">
        <div>
          {removing ? (
            'being removed'
          ) : (
            <>
              expires <Ago at={expiresAt} />
            </>
          )}
        </div>
        <div className="number">
          {cpu} · {memory}
        </div>
      </div>
    </li>
  )
}

function NoSpaces() {
  return (
    <Empty title="There are no spaces">
      <span>
        A space is your own copy of what you change, over an environment that goes on as it is. In an app’s
        folder:
      </span>
      <Command text="tow dev" />
      <span>follows your files; and what is there now, as it is, or from CI:</span>
      <Command text="tow ship --space mine" />
    </Empty>
  )
}
