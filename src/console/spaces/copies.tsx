/** The apps that a space has copies of: how each fares, what differs from the environment below, and what does not run. */
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import type { Space, SpaceApp } from '../../api/spaces.ts'
import { Differences } from '../app/differences.tsx'
import { queries } from '../live/queries.ts'
import { Card, Command, Hint, Loaded, sentence } from '../parts/parts.tsx'
import { State } from '../parts/state.tsx'
import { Ago } from '../parts/time.tsx'
import { askGiveBack, askRemove, askStart, askStop, askSwap, wordsOf } from './actions.ts'
import { commitOf, hoursOf, toneOfCopy, wordOfCopy } from './words.ts'

export function Copies({ space }: { space: Space }) {
  return space.apps.map((app) => <OneCopy key={app.app} space={space} app={app} />)
}

function OneCopy({ space, app }: { space: Space; app: SpaceApp }) {
  const { app: name, set, state, message, hint, lastLines, live, attached, off } = app
  return (
    <Card
      title={
        <>
          <Link to="/apps/$app/$environment" params={{ app: name, environment: space.environment }}>
            {name}
          </Link>{' '}
          <span className="soft number">{set}</span>
        </>
      }
      end={<State tone={toneOfCopy(state)} word={wordOfCopy(state)} />}
    >
      <div className="stack">
        <div aria-live="polite">
          {state === 'failed' ? (
            <div className="problem">
              <p>{sentence(message)}</p>
              {hint && (
                <p>
                  <Hint text={hint} />
                </p>
              )}
            </div>
          ) : (
            (state === 'starting' || state === 'live') && <p>{sentence(message)}</p>
          )}
          {state === 'stopped' && (
            <p>
              Stopped: calls for {name} go to {space.environment}.
            </p>
          )}
          {state === 'asleep' && (
            <p>Asleep, as nobody asked for it: the first request wakes it, and waits.</p>
          )}
        </div>
        {state === 'failed' && lastLines.length > 0 && (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
          <pre className="lines" tabIndex={0}>
            {lastLines.join('\n')}
          </pre>
        )}
        <Traffic space={space} app={app} />
        <dl className="facts">
          <dt>Commit</dt>
          <dd>
            <span className="mono">{commitOf(app)}</span> {app.origin.subject}
          </dd>
          <dt>Since</dt>
          <dd>
            <Ago at={app.since} />, by {app.by}
            {live && '; its workspace follows somebody’s files'}
            {attached && ` (${attached.by} is at it now)`}
          </dd>
          <dt>Runs</dt>
          <dd>{running(app)}</dd>
          <dt>Last asked for</dt>
          <dd>
            {app.lastAskedAt ? <Ago at={app.lastAskedAt} /> : 'never yet'}
            {app.sleepsAt && (
              <>
                ; sleeps <Ago at={app.sleepsAt} /> unless somebody does
              </>
            )}
          </dd>
          <dt>Asked for so far</dt>
          <dd className="number">
            {hoursOf([app]).cpu} and {hoursOf([app]).memory}
          </dd>
        </dl>
        {off.length > 0 && (
          <details className="off">
            <summary>Does not run here: {off.map(({ what }) => what).join(', ')}</summary>
            <ul>
              {off.map(({ what, because }) => (
                <li key={what}>{sentence(because)}</li>
              ))}
            </ul>
          </details>
        )}
        <Differs space={space.name} app={name} />
        {state !== 'removing' && <CopyActions space={space} app={app} />}
      </div>
    </Card>
  )
}

/** `web 1 of 1 healthy`. */
function running({ processes }: SpaceApp): string {
  const words = Object.entries(processes)
    .filter(([, { wanted }]) => wanted > 0)
    .map(
      ([process, { wanted, healthy }]) =>
        `${process}: ${healthy ?? 'nobody knows how many'} of ${wanted} healthy`,
    )
  return words.join(', ') || 'nothing'
}

function Differs({ space, app }: { space: string; app: string }) {
  const query = useQuery(queries.spacePlan(space))
  return (
    <Loaded query={query} lines={2}>
      {(plan) => {
        const mine = plan.find((one) => one.app === app)
        if (!mine) return null
        return (
          <div>
            <h3>
              {mine.below === null
                ? 'Nothing of it is in the environment below'
                : `What differs from v${mine.below} below`}
            </h3>
            {/* What does not run is told above. */}
            <Differences differences={mine.differences.filter(({ kind }) => kind !== 'off')} />
          </div>
        )
      }}
    </Loaded>
  )
}

const SWAP_TERMS = [1, 4, 24] as const

function Traffic({ space, app }: { space: Space; app: SpaceApp }) {
  const { swap, app: name } = app
  const [hours, setHours] = useState<number>(1)
  if (swap)
    return (
      <div className="swap" data-tone="warn">
        <State tone="warn" word="swapped" hideWord />
        <p className="grow">
          {swap.by} has all traffic of {space.environment} for {name}, since <Ago at={swap.since} />; it goes
          back <Ago at={swap.until} />.
        </p>
        <button type="button" className="button" onClick={() => askGiveBack(space, app)}>
          Give back…
        </button>
      </div>
    )
  if (app.state !== 'live' && app.state !== 'asleep') return null
  return (
    <div className="swap">
      <p className="grow soft">
        Only who comes through {space.name} meets it; all others meet {space.environment}.
      </p>
      <span className="joined">
        <select
          aria-label={`Take the traffic for ${name} for so long`}
          value={hours}
          onChange={(event) => setHours(Number(event.target.value))}
        >
          {SWAP_TERMS.map((term) => (
            <option key={term} value={term}>
              {wordsOf(term)}
            </option>
          ))}
        </select>
        <button type="button" className="button" onClick={() => askSwap(space, name, hours)}>
          Take all traffic…
        </button>
      </span>
    </div>
  )
}

function CopyActions({ space, app: { app, state } }: { space: Space; app: SpaceApp }) {
  const rests = state === 'stopped' || state === 'asleep'
  return (
    <div className="buttons">
      <Command text={`tow logs -f -a ${app} --space ${space.name}`} />
      {rests && (
        <button type="button" className="button" onClick={() => askStart(space, [app], false)}>
          Start…
        </button>
      )}
      {state !== 'stopped' && (
        <button type="button" className="button" onClick={() => askStop(space, [app], false)}>
          Stop {app}…
        </button>
      )}
      <button type="button" className="button" onClick={() => askRemove(space, [app])}>
        Remove {app}…
      </button>
    </div>
  )
}
