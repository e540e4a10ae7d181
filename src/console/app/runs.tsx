/** Commands run once, and crons with their last results. */
import { useQuery } from '@tanstack/react-query'
import { queries } from '../live/queries.ts'
import { Card, Command, Empty, Loaded } from '../parts/parts.tsx'
import { State, StateOf } from '../parts/state.tsx'
import { Ago, Took } from '../parts/time.tsx'
import { usePlace } from './place.ts'

export function RunsPage() {
  const place = usePlace()
  const { app, environment } = place
  const processes = useQuery(queries.processes(place))
  const runs = useQuery(queries.runs(place))
  return (
    <div className="columns">
      <Card title="Crons" flush>
        <Loaded query={processes}>
          {({ crons }) =>
            crons.length === 0 ? (
              <Empty title="No cron">
                <span>
                  <code>crons:</code> in <code>tow.yaml</code> declares them.
                </span>
              </Empty>
            ) : (
              <ul className="rows">
                {crons.map(({ name, schedule, timezone, nextAt, lastRun }) => (
                  <li key={name}>
                    <State tone={cronTone(lastRun)} word={lastRun?.split(' ')[0] ?? 'not run yet'} hideWord />
                    <div className="grow">
                      <strong>{name}</strong> <code>{schedule}</code> <span className="soft">{timezone}</span>
                      <p className="soft">{lastRun ? <LastRun text={lastRun} /> : 'It did not run yet.'}</p>
                    </div>
                    {nextAt && (
                      <span className="end">
                        next <Ago at={nextAt} />
                      </span>
                    )}
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      </Card>
      <Card title="Runs" flush>
        <Loaded query={runs}>
          {(all) =>
            all.length === 0 ? (
              <Empty title="Nobody ran anything">
                <Command text={`tow run -a ${app} -e ${environment} -- <command>`} />
              </Empty>
            ) : (
              <ul className="rows">
                {all.slice(0, 100).map((run) => (
                  <li key={run.id}>
                    <StateOf state={run.state} />
                    <div className="grow">
                      <code>{run.command}</code>
                      {run.reason && <p className="soft">{run.reason}</p>}
                    </div>
                    <span className="end">
                      {run.by} · <Ago at={run.startedAt} /> · took{' '}
                      <Took from={run.startedAt} to={run.endedAt} />
                      {run.exit !== null && ` · exit ${run.exit}`}
                    </span>
                  </li>
                ))}
              </ul>
            )
          }
        </Loaded>
      </Card>
    </div>
  )
}

/** `failed with 2 at <time>: <reason>`, as the platform says it; the time as people do. */
function LastRun({ text }: { text: string }) {
  const found = /^(.*) at (\d{4}-\d\d-\d\dT[\d:.]+Z)(.*)$/s.exec(text)
  if (!found) return <>Last: {text}</>
  const [, outcome, at = '', reason] = found
  return (
    <>
      Last: {outcome} <Ago at={at} />
      {reason}
    </>
  )
}

function cronTone(lastRun: string | null) {
  if (lastRun === null) return 'none'
  if (lastRun.startsWith('succeeded')) return 'good'
  return lastRun.startsWith('running') ? 'busy' : lastRun.startsWith('failed') ? 'bad' : 'warn'
}
