/** A delivery as it happens: from its build to what serves, with the way to each. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { SHIPPED_WORDS } from '../../api/shipped-words.ts'
import type { Ship, ShippedApp } from '../../api/ships.ts'
import { askRollback } from '../app/actions.tsx'
import { queries } from '../live/queries.ts'
import { RolloutLink } from '../parts/links.tsx'
import { Card, Loaded, Problem } from '../parts/parts.tsx'
import { State, toneOf } from '../parts/state.tsx'
import { Took } from '../parts/time.tsx'
import { ask } from '../shell/act.tsx'
import { shipAgain } from './again.ts'
import { stop } from './stop.ts'

export function Delivery({ id, app }: { id: string; app: string }) {
  return (
    <Loaded query={useQuery(queries.ship(id))} lines={2}>
      {(ship) => {
        const mine = ship.apps.find((one) => one.app === app) ?? ship.apps[0]!
        return <Shown ship={ship} mine={mine} />
      }}
    </Loaded>
  )
}

const TONES = { live: 'good', unchanged: 'good', failed: 'bad', cancelled: 'warn' } as const

function Shown({ ship, mine }: { ship: Ship; mine: ShippedApp }) {
  const { environment, origin, createdAt, endedAt, by } = ship
  const { app, state, build, release, rollout, error } = mine
  const tone = TONES[state as keyof typeof TONES] ?? toneOf(state)
  return (
    <Card
      title={
        <>
          {origin.branch ?? 'A delivery'} to {environment}
        </>
      }
      end={
        <span className="soft">
          {by} · <Took from={createdAt} to={endedAt} />
        </span>
      }
    >
      <div className="stack" aria-live="polite">
        <p>
          <State tone={tone} word={SHIPPED_WORDS[state]} />{' '}
          <span className="soft">
            {origin.commit && <span className="mono">{origin.commit.slice(0, 7)}</span>} {origin.subject}
          </span>
        </p>
        {error && <Problem error={{ message: error.message, hint: error.hint }} />}
        {error && error.lastLines.length > 0 && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
          <pre className="lines" tabIndex={0}>
            {error.lastLines.join('\n')}
          </pre>
        )}
        <div className="buttons">
          {rollout && release !== null && (
            <RolloutLink id={rollout} row>
              The rollout of v{release}
            </RolloutLink>
          )}
          {build && (
            <Link to="/builds/$id" params={{ id: build }} data-row>
              The build
            </Link>
          )}
          {endedAt === null && (
            <button type="button" className="button" onClick={() => askStop(ship)}>
              Stop…
            </button>
          )}
          {state === 'live' && (
            <button type="button" className="button" onClick={() => askRollback({ app, environment })}>
              Roll back…
            </button>
          )}
        </div>
      </div>
    </Card>
  )
}

function askStop(ship: Ship): void {
  const { environment, apps, origin } = ship
  const names = apps.map(({ app }) => app).join(', ')
  const [{ build, rollout }] = apps as [ShippedApp]
  ask({
    title: `Stop shipping ${origin.branch ?? names} to ${environment}?`,
    consequence: `The build of ${names} ends; a rollout under way is aborted, and what served before goes on serving.`,
    command:
      build !== null && rollout === null
        ? `tow builds cancel ${build}`
        : `tow rollout abort -a ${names} -e ${environment}`,
    verb: 'Stop',
    tone: 'bad',
    run: async () => ({ ...(await stop(ship)), ...shipAgain([ship]) }),
  })
}
