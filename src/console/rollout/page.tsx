/** One rollout as it happens: how far it has come, what takes traffic, why it failed, and what can be done. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import type { Rollout } from '../../api/rollouts.ts'
import { Sets } from '../app/sets.tsx'
import { Why } from '../app/why.tsx'
import { queries } from '../live/queries.ts'
import { AppLink } from '../parts/links.tsx'
import { Card, Hint, Loaded, PageHead, sentence } from '../parts/parts.tsx'
import { State, StateOf, toneOf } from '../parts/state.tsx'
import { Ago, Took } from '../parts/time.tsx'
import { useCommands } from '../shell/commands.ts'
import { askAbort, askRetry, RolloutActions } from './actions.tsx'
import { Phases } from './phases.tsx'
import { Tail } from './tail.tsx'

const route = getRouteApi('/rollouts/$id')

export function RolloutPage() {
  const { id } = route.useParams()
  return (
    <Loaded query={useQuery(queries.rollout(id))}>{(rollout) => <RolloutView rollout={rollout} />}</Loaded>
  )
}

function RolloutView({ rollout }: { rollout: Rollout }) {
  const { app, environment, release, previous, phase, message, hint, by, startedAt, endedAt } = rollout
  const isOver = endedAt !== null
  const navigate = useNavigate()
  const processes = useQuery(queries.processes({ app, environment, isMoving: !isOver }))
  const failing = processes.data?.processes.filter((one) => one.release === release && one.problem) ?? []
  const commands = useMemo(
    () => [
      isOver
        ? {
            name: 'retry this rollout',
            key: 't',
            run: () => askRetry(rollout, (id) => void navigate({ to: '/rollouts/$id', params: { id } })),
          }
        : { name: 'abort this rollout', key: 'a', run: () => askAbort(rollout) },
    ],
    [rollout, isOver, navigate],
  )
  useCommands(commands)
  return (
    <>
      <PageHead
        title={`v${release} of ${app} in ${environment}`}
        above={
          <>
            <AppLink app={app} environment={environment} /> / rollout
          </>
        }
        below={
          <>
            {by} · <Ago at={startedAt} /> · {isOver ? 'took' : 'for'} <Took from={startedAt} to={endedAt} />
            {previous !== null && ` · after v${previous}`}
          </>
        }
      >
        <RolloutActions rollout={rollout} />
      </PageHead>
      <div className="stack">
        <section className="card verdict" data-tone={toneOf(phase)} aria-live="polite">
          <div>
            <StateOf state={phase} />
            <p className="message">{sentence(message)}</p>
            {hint && (
              <p>
                <Hint text={hint} />
              </p>
            )}
          </div>
          <Phases rollout={rollout} />
        </section>
        <div className="columns wide-left">
          <div className="stack">
            {failing.length > 0 && (
              <Card title="What is wrong with its processes" flush>
                <ul className="rows">
                  {failing.map((one) => (
                    <li key={one.id}>
                      <StateOf state={one.state} />
                      <span className="mono nowrap">{one.id}</span>
                      <span className="grow">{sentence(one.problem!)}</span>
                    </li>
                  ))}
                </ul>
              </Card>
            )}
            <Tail rollout={rollout} />
            <Card title="What serves now">
              <Loaded query={processes} lines={2}>
                {({ sets, maintenance }) => <Sets sets={sets} maintenance={maintenance} />}
              </Loaded>
            </Card>
            <Card title="Step by step" flush>
              <ul className="rows">
                {[...rollout.history].reverse().map((step, index) => (
                  <li key={`${step.at} ${step.phase} ${step.message}`}>
                    {index === 0 ? (
                      <StateOf state={step.phase} />
                    ) : (
                      <State
                        tone={step.phase === 'undoing' ? 'warn' : 'good'}
                        word={step.phase.replace('-', ' ')}
                      />
                    )}
                    <span className="grow">{sentence(step.message)}</span>
                    <span className="end">
                      <Ago at={step.at} />
                    </span>
                  </li>
                ))}
              </ul>
            </Card>
          </div>
          <Why app={app} environment={environment} />
        </div>
      </div>
    </>
  )
}
