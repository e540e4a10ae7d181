import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { App } from '../../api/apps.ts'
import { queries } from '../live/queries.ts'
import { Behind } from '../parts/behind.tsx'
import { Card, Empty, Loaded } from '../parts/parts.tsx'
import { State, StateOf, toneOfApp, wordOfApp } from '../parts/state.tsx'

const MOST = 14

/** Those of my teams; all of them where no team of mine owns any. */
export function MyApps() {
  const { data: me } = useQuery(queries.me())
  const apps = useQuery(queries.apps())
  const isMine = ({ owner }: App) => owner !== null && (me?.teams.includes(owner) ?? false)
  return (
    <Loaded query={apps}>
      {(all) => {
        const mine = all.filter(isMine)
        const shown = mine.length > 0 ? mine : all
        return (
          <Card
            title={mine.length > 0 ? 'My apps' : 'Apps'}
            end={<Link to="/fleet">The whole fleet</Link>}
            flush
          >
            {shown.length === 0 && (
              <Empty title="No app yet">
                <span>
                  <code>tow ship</code> in a folder with an app makes the first.
                </span>
              </Empty>
            )}
            <ul className="rows">
              {shown.slice(0, MOST).map((app) => (
                <AppRow key={app.name} app={app} />
              ))}
            </ul>
          </Card>
        )
      }}
    </Loaded>
  )
}

function AppRow({ app }: { app: App }) {
  const urls = app.environments.at(-1)?.urls ?? []
  return (
    <li className="app-row">
      <Link className="app-name" to="/apps/$app" params={{ app: app.name }} data-row>
        {app.name}
      </Link>
      <div className="places grow">
        {app.environments.map((place) => (
          <Link
            key={place.environment}
            className="place"
            to="/apps/$app/$environment"
            params={{ app: app.name, environment: place.environment }}
          >
            <State tone={toneOfApp(place.state)} word={wordOfApp(place.state)} hideWord />
            <span>{place.environment}</span>
            <span className="number soft">{place.release === null ? '–' : `v${place.release}`}</span>
            <Behind behind={place.behind} />
          </Link>
        ))}
      </div>
      {urls[0] && (
        <a className="end" href={urls[0]} rel="noreferrer" aria-label={`Open ${app.name}`}>
          open ↗
        </a>
      )}
    </li>
  )
}

/** Rollouts that are under way, everywhere. */
export function UnderWay() {
  const { data: apps = [] } = useQuery(queries.apps())
  const moving = apps.flatMap(({ name, environments }) =>
    environments.flatMap(({ environment, state, rollout }) =>
      state === 'rolling-out' && rollout ? [{ app: name, environment, ...rollout }] : [],
    ),
  )
  if (moving.length === 0) return null
  return (
    <Card title="Under way" flush>
      <ul className="rows">
        {moving.slice(0, MOST).map(({ id, app, environment, release, phase }) => (
          <li key={id}>
            <StateOf state={phase} />
            <Link className="grow" to="/rollouts/$id" params={{ id }} data-row>
              v{release} of {app} in {environment}
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  )
}
