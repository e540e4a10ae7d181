/** The history of releases, what differs between any two, and the way back to one. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import type { ReleaseSummary } from '../../api/releases.ts'
import { queries } from '../live/queries.ts'
import { Card, Command, Empty, Loaded } from '../parts/parts.tsx'
import { StateOf } from '../parts/state.tsx'
import { Ago } from '../parts/time.tsx'
import { askRollback } from './actions.tsx'
import { Differences } from './differences.tsx'
import { usePlace } from './place.ts'

const route = getRouteApi('/apps/$app/$environment/releases')

export function ReleasesPage() {
  const place = usePlace()
  const releases = useQuery(queries.releases(place))
  const search = route.useSearch()
  const navigate = useNavigate({ from: '/apps/$app/$environment/releases' })
  return (
    <Loaded query={releases}>
      {(all) => {
        if (all.length === 0)
          return (
            <Empty title="No release yet">
              <span>
                <code>tow ship</code> makes the first.
              </span>
            </Empty>
          )
        const live = all.find(({ state }) => state === 'live')?.number
        const to = Number(search.to ?? live ?? all[0]!.number)
        const from = Number(search.from ?? all.find(({ number }) => number < to)?.number ?? to)
        const compare = (next: { from?: number; to?: number }) =>
          void navigate({
            search: { from: String(next.from ?? from), to: String(next.to ?? to) },
            replace: true,
            resetScroll: false,
          })
        return (
          <div className="columns wide-left">
            <Card title="Releases" end={<span className="soft">newest first</span>} flush>
              <ul className="rows">
                {all.map((release) => (
                  <ReleaseRow
                    key={release.id}
                    release={release}
                    live={live}
                    isCompared={release.number === from || release.number === to}
                    compare={() => compare({ from: release.number, ...(live ? { to: live } : {}) })}
                  />
                ))}
              </ul>
            </Card>
            <Card
              title="What differs"
              end={
                <span className="buttons">
                  <Choose label="From" all={all} value={from} set={(number) => compare({ from: number })} />
                  →
                  <Choose label="To" all={all} value={to} set={(number) => compare({ to: number })} />
                </span>
              }
            >
              <Compared {...place} from={from} to={to} />
            </Card>
          </div>
        )
      }}
    </Loaded>
  )
}

function Compared(asked: { app: string; environment: string; from: number; to: number }) {
  const query = useQuery(queries.differences(asked))
  return (
    <div className="stack">
      <Loaded query={query}>{(differences) => <Differences differences={differences} />}</Loaded>
      <Command
        text={`tow releases diff v${asked.from} v${asked.to} -a ${asked.app} -e ${asked.environment}`}
      />
    </div>
  )
}

function Choose({
  label,
  all,
  value,
  set,
}: {
  label: string
  all: readonly ReleaseSummary[]
  value: number
  set: (number: number) => void
}) {
  return (
    <select aria-label={label} value={value} onChange={(event) => set(Number(event.target.value))}>
      {all.map(({ number }) => (
        <option key={number} value={number}>{`v${number}`}</option>
      ))}
    </select>
  )
}

function ReleaseRow({
  release,
  live,
  isCompared,
  compare,
}: {
  release: ReleaseSummary
  live: number | undefined
  isCompared: boolean
  compare: () => void
}) {
  const { app, environment, number, description, state, by, createdAt, liveAt, origin } = release
  return (
    <li data-chosen={isCompared}>
      <strong className="number">v{number}</strong>
      <div className="grow">
        <p>{description}</p>
        <p className="soft">
          <StateOf state={state} /> · {by} · <Ago at={createdAt} />
          {origin.commit && (
            <span className="mono">
              {' '}
              · {origin.commit.slice(0, 7)}
              {origin.dirty ? ' with changes' : ''}
            </span>
          )}
        </p>
      </div>
      <span className="buttons">
        {number !== live && live !== undefined && (
          <button
            type="button"
            className="button"
            data-tone="quiet"
            data-row
            onClick={compare}
            aria-label={`Compare v${number} with v${live}`}
          >
            Compare
          </button>
        )}
        {number !== live && liveAt !== null && (
          <button
            type="button"
            className="button"
            data-tone="quiet"
            aria-label={`Roll back to v${number}`}
            onClick={() => askRollback({ app, environment, to: number })}
          >
            Roll back…
          </button>
        )}
      </span>
    </li>
  )
}
