/** Where a build went, or is to go. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { Build } from '../../api/builds.ts'
import { SHIPPED_WORDS } from '../../api/shipped-words.ts'
import { queries } from '../live/queries.ts'
import { RolloutLink } from '../parts/links.tsx'
import { Card, Empty, Loaded } from '../parts/parts.tsx'
import { State, toneOf } from '../parts/state.tsx'
import { Ago } from '../parts/time.tsx'

export function Deliveries({ build: { id, app } }: { build: Build }) {
  return (
    <Card title="Delivered to" flush>
      <Loaded query={useQuery(queries.shipsOfBuild(id))} lines={2}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="Nobody waits for it" />
          ) : (
            <ul className="rows">
              {all.map(({ id: ship, environment, space, apps, createdAt, by }) => {
                const mine = apps.find((one) => one.app === app)
                if (!mine) return null
                const { state, release, rollout } = mine
                const isThere = state === 'live' || state === 'unchanged'
                return (
                  <li key={ship}>
                    <State tone={isThere ? 'good' : toneOf(state)} word={SHIPPED_WORDS[state]} hideWord />
                    <span className="grow">
                      {space === null ? (
                        environment
                      ) : (
                        <Link to="/spaces/$space" params={{ space }}>
                          {space}
                        </Link>
                      )}{' '}
                      {rollout && release !== null && space === null && (
                        <RolloutLink id={rollout}>v{release}</RolloutLink>
                      )}{' '}
                      <span className="soft">{SHIPPED_WORDS[state]}</span>
                    </span>
                    <span className="end">
                      {by} · <Ago at={createdAt} />
                    </span>
                  </li>
                )
              })}
            </ul>
          )
        }
      </Loaded>
    </Card>
  )
}
