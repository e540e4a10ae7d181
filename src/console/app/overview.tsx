/** An app in an environment: what takes traffic, what runs, how much it uses, and why it is as it is. */
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import type { ProcessList } from '../../api/processes.ts'
import { queries } from '../live/queries.ts'
import { RolloutLink } from '../parts/links.tsx'
import { Card, Empty, Loaded, Loading, megabytes, sentence } from '../parts/parts.tsx'
import { StateOf } from '../parts/state.tsx'
import { Ago, Took } from '../parts/time.tsx'
import { usePlace } from './place.ts'
import { Sets } from './sets.tsx'
import { Why } from './why.tsx'

const Usage = lazy(() => import('./usage.tsx'))

export function OverviewPage() {
  const place = usePlace()
  const { app, environment } = place
  const { data } = useQuery(queries.app(app))
  const here = data?.environments.find((one) => one.environment === environment)
  const processes = useQuery({
    ...queries.processes({ ...place, isMoving: here?.state === 'rolling-out' }),
    enabled: here !== undefined,
  })
  if (data && !here) {
    return (
      <Empty title={`${app} is not in ${environment}`}>
        <span>
          <code>tow ship -a {app}</code> or a promotion brings it there.
        </span>
      </Empty>
    )
  }
  return (
    <div className="columns wide-left">
      <div className="stack">
        <Card
          title="What serves"
          end={
            processes.data?.observedAt && (
              <span className="soft">
                seen <Ago at={processes.data.observedAt} />
              </span>
            )
          }
        >
          <Loaded query={processes} lines={2}>
            {({ sets, maintenance }) => <Sets sets={sets} maintenance={maintenance} />}
          </Loaded>
        </Card>
        <Card title="Processes" flush>
          <Loaded query={processes}>{(list) => <Processes list={list} />}</Loaded>
        </Card>
        <Card title="CPU and memory">
          <div className="chart-space">
            <Suspense fallback={<Loading />}>
              <Usage app={app} environment={environment} />
            </Suspense>
          </div>
        </Card>
      </div>
      <div className="stack">
        <Why app={app} environment={environment} />
        <LastRollouts />
      </div>
    </div>
  )
}

function Processes({ list }: { list: ProcessList }) {
  if (list.processes.length === 0)
    return (
      <Empty title="Nothing runs">
        {list.observedAt === null && <span>The engine does not answer.</span>}
      </Empty>
    )
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
    <section className="table-box" tabIndex={0} aria-label="Processes">
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Process</th>
            <th scope="col">State</th>
            <th scope="col">Release</th>
            <th scope="col">CPU</th>
            <th scope="col">Memory</th>
            <th scope="col">Up</th>
            <th scope="col">Restarts</th>
          </tr>
        </thead>
        <tbody className="number">
          {list.processes.map((row) => (
            <tr key={row.id}>
              <td className="mono nowrap">{row.id}</td>
              <td>
                <StateOf state={row.state} />
                {row.problem && <p className="soft">{sentence(row.problem)}</p>}
              </td>
              <td>v{row.release}</td>
              <td className="nowrap">{row.cpuPercent === null ? '–' : `${row.cpuPercent.toFixed(1)} %`}</td>
              <td className="nowrap">{row.memoryBytes === null ? '–' : megabytes(row.memoryBytes)}</td>
              <td>
                <Took from={row.startedAt} to={null} />
              </td>
              <td title={row.lastExit ?? undefined}>{row.restarts}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {list.overrides.map(({ process, count, by, at, reason }) => (
        <p className="note" key={process}>
          {process} is set to {count} by hand: {by}, <Ago at={at} />
          {reason ? `: ${reason}` : ''}
        </p>
      ))}
    </section>
  )
}

const MOST = 6

function LastRollouts() {
  const rollouts = useQuery(queries.rollouts(usePlace()))
  return (
    <Card title="Last rollouts" flush>
      <Loaded query={rollouts}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="None yet" />
          ) : (
            <ul className="rows">
              {all.slice(0, MOST).map(({ id, release, phase, by, startedAt, message }) => (
                <li key={id}>
                  <StateOf state={phase} />
                  <span className="grow">
                    <RolloutLink id={id} row>
                      v{release}
                    </RolloutLink>
                    {phase === 'failed' && <span className="soft"> {sentence(message)}</span>}
                  </span>
                  <span className="end">
                    {by} · <Ago at={startedAt} />
                  </span>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  )
}
