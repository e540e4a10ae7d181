/** For support: what changed in the last hour, for which app, and who can take it back. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Event } from '../../api/events.ts'
import { askRollback } from '../app/actions.tsx'
import { queries } from '../live/queries.ts'
import { toneOfEvent } from '../parts/events.tsx'
import { Card, Command, Empty, Loaded } from '../parts/parts.tsx'
import { State } from '../parts/state.tsx'
import { Ago } from '../parts/time.tsx'

const HOURS = [1, 4, 24] as const
const MOST = 500

export function SupportHome() {
  const [hours, setHours] = useState<(typeof HOURS)[number]>(1)
  const [since, setSince] = useState(() => new Date(Date.now() - 3_600_000).toISOString())
  const query = useQuery(queries.events({ since, topic: 'customers', limit: MOST }))
  const { data: apps = [] } = useQuery(queries.apps())
  const { data: teams = [] } = useQuery(queries.teams())
  const owners = new Map(apps.map(({ name, owner }) => [name, owner]))
  return (
    <Card
      title="What changed for customers"
      end={
        <label className="soft">
          in the last{' '}
          <select
            value={hours}
            onChange={(event) => {
              const chosen = Number(event.target.value) as typeof hours
              setHours(chosen)
              setSince(new Date(Date.now() - chosen * 3_600_000).toISOString())
            }}
          >
            {HOURS.map((one) => (
              <option key={one} value={one}>
                {one === 1 ? 'hour' : `${one} hours`}
              </option>
            ))}
          </select>
        </label>
      }
      flush
    >
      <Loaded query={query}>
        {(events) => {
          const places = [
            ...Map.groupBy(events.filter(isOfApp), ({ app, environment }) => `${app}/${environment}`),
          ]
          if (places.length === 0)
            return (
              <Empty title="Nothing changed">
                <span>What a customer reports now did not come from a delivery in this time.</span>
                <Link to="/timeline">The whole timeline</Link>
              </Empty>
            )
          return (
            <ul className="rows">
              {places.map(([key, mine]) => {
                const { app, environment } = mine[0]!
                const owner = owners.get(app!) ?? null
                const members = teams.find(({ name }) => name === owner)?.members ?? []
                return (
                  <li key={key} className="felt">
                    <div className="grow">
                      <Link
                        to="/apps/$app/$environment"
                        params={{ app: app!, environment: environment! }}
                        data-row
                      >
                        {app} in {environment}
                      </Link>
                      {mine.slice(0, 4).map((event) => (
                        <p key={event.position}>
                          <State
                            tone={toneOfEvent(event.kind)}
                            word={event.kind.replace('.', ' ')}
                            hideWord
                          />{' '}
                          {event.message}{' '}
                          <span className="soft">
                            {event.by}, <Ago at={event.at} />
                          </span>
                        </p>
                      ))}
                    </div>
                    <div className="who">
                      <p className="soft">
                        Can take it back:{' '}
                        {owner === null
                          ? 'whoever operates the environment'
                          : `${owner}${members.length > 0 ? ` (${members.slice(0, 4).join(', ')})` : ''}`}
                      </p>
                      <Command text={`tow rollback -a ${app} -e ${environment}`} />
                      <button
                        type="button"
                        className="button"
                        aria-label={`Roll back ${app} in ${environment}`}
                        onClick={() => askRollback({ app: app!, environment: environment! })}
                      >
                        Roll back…
                      </button>
                    </div>
                  </li>
                )
              })}
            </ul>
          )
        }}
      </Loaded>
    </Card>
  )
}

const isOfApp = ({ app, environment }: Event) => app !== null && environment !== null
