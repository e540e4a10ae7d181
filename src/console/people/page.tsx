/** People, teams, and one's own tokens. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { Grant } from '../../api/roles.ts'
import { queries } from '../live/queries.ts'
import { Card, Command, Empty, Loaded, PageHead } from '../parts/parts.tsx'
import { Ago } from '../parts/time.tsx'
import { Tokens } from './tokens.tsx'

const inWords = ({ role, environment }: Grant) => `${role}${environment === null ? '' : ` in ${environment}`}`

export function PeoplePage() {
  const people = useQuery(queries.people())
  const teams = useQuery(queries.teams())
  const { data: me } = useQuery(queries.me())
  const [text, setText] = useState('')
  return (
    <>
      <PageHead
        title="People and tokens"
        below={me ? `You are ${me.name}: ${me.roles.map(inWords).join(', ') || 'no role'}` : '\u00a0'}
      />
      <div className="columns">
        <Card
          title="People and machines"
          end={
            <input
              className="input"
              type="search"
              data-search
              aria-label="Search people"
              placeholder="Search"
              value={text}
              onChange={(event) => setText(event.target.value)}
            />
          }
          flush
        >
          <Loaded query={people}>
            {(all) => {
              const shown = all.filter(({ name }) => name.includes(text.toLowerCase()))
              if (shown.length === 0)
                return (
                  <Empty title="Nobody is called that">
                    <Command text="tow people add <name>" />
                  </Empty>
                )
              return (
                <ul className="rows">
                  {shown.map((person) => (
                    <li key={person.name}>
                      <div className="grow">
                        <strong>{person.name}</strong>{' '}
                        {person.kind === 'machine' && <span className="tag">machine</span>}
                        <p className="soft">
                          {[...person.roles.map(inWords), ...person.teams.map((team) => `team ${team}`)].join(
                            ' · ',
                          ) || 'no role'}
                        </p>
                      </div>
                      <span className="end">
                        since <Ago at={person.createdAt} />
                      </span>
                    </li>
                  ))}
                </ul>
              )
            }}
          </Loaded>
          <p className="note soft">
            An administrator invites with <code>tow people add &lt;name&gt;</code> and{' '}
            <code>tow people invite &lt;name&gt;</code>.
          </p>
        </Card>
        <div className="stack">
          <Card title="Teams" flush>
            <Loaded query={teams}>
              {(all) =>
                all.length === 0 ? (
                  <Empty title="No team yet">
                    <Command text="tow team add <name>" />
                  </Empty>
                ) : (
                  <ul className="rows">
                    {all.map(({ name, members, apps }) => (
                      <li key={name}>
                        <div className="grow">
                          <strong>{name}</strong>
                          <p className="soft">
                            {members.join(', ') || 'nobody'} · owns {apps.join(', ') || 'nothing'}
                          </p>
                        </div>
                      </li>
                    ))}
                  </ul>
                )
              }
            </Loaded>
          </Card>
          <Tokens />
        </div>
      </div>
    </>
  )
}
