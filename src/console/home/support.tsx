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
const SHOWN = 40

export function SupportHome() {
  const [hours, setHours] = useState<(typeof HOURS)[number]>(1)
  const [since, setSince] = useState(() => new Date(Date.now() - 3_600_000).toISOString())
  const query = useQuery(queries.events({ since, topic: 'customers', limit: MOST }))
  const places = placesOf(query.data ?? [])
  const { data: may = [] } = useQuery(
    queries.whoMay(places.map(({ app, environment }) => ({ app, environment })).slice(0, SHOWN)),
  )
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
        {() => {
          if (places.length === 0)
            return (
              <Empty title="Nothing changed">
                <span>What a customer reports now did not come from a delivery in this time.</span>
                <Link to="/timeline">The whole timeline</Link>
              </Empty>
            )
          return (
            <ul className="rows">
              {places.slice(0, SHOWN).map(({ app, environment, events }) => {
                const people = may.find((one) => one.app === app && one.environment === environment)?.people
                return (
                  <li key={`${app}/${environment}`} className="felt">
                    <div className="grow">
                      <Link to="/apps/$app/$environment" params={{ app, environment }} data-row>
                        {app} in {environment}
                      </Link>
                      {events.slice(0, 4).map((event) => (
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
                      <p className="soft">Can take it back: {people ? named(people) : '…'}</p>
                      <Command text={`tow rollback -a ${app} -e ${environment}`} />
                      <button
                        type="button"
                        className="button"
                        aria-label={`Roll back ${app} in ${environment}`}
                        onClick={() => askRollback({ app, environment })}
                      >
                        Roll back…
                      </button>
                    </div>
                  </li>
                )
              })}
              {places.length > SHOWN && (
                <li>
                  <Link to="/timeline" search={{ kind: 'customers' }}>
                    {places.length - SHOWN} more in the timeline
                  </Link>
                </li>
              )}
            </ul>
          )
        }}
      </Loaded>
    </Card>
  )
}

/** Newest first, with what happened there. */
function placesOf(events: readonly Event[]) {
  const found = events.flatMap((event) => {
    const { app, environment } = event
    return app === null || environment === null ? [] : [{ app, environment, event }]
  })
  return [...Map.groupBy(found, ({ app, environment }) => `${app}/${environment}`).values()].map((all) => {
    const { app, environment } = all[0]!
    return { app, environment, events: all.map(({ event }) => event) }
  })
}

const NAMED = 5

function named(people: readonly string[]): string {
  if (people.length === 0) return 'nobody but a machine'
  const more = people.length - NAMED
  return `${people.slice(0, NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
