/** One build: its steps with their times, what it wrote, and what was reused and why. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import type { Build } from '../../api/builds.ts'
import { queries } from '../live/queries.ts'
import { coloured } from '../logs/line.ts'
import { Card, Empty, Loaded, PageHead, Problem, sentence } from '../parts/parts.tsx'
import { State, StateOf } from '../parts/state.tsx'
import { Ago, Took } from '../parts/time.tsx'
import { askCancel } from './actions.ts'
import { Deliveries } from './deliveries.tsx'

const route = getRouteApi('/builds/$id')

export function BuildPage() {
  const { id } = route.useParams()
  return <Loaded query={useQuery(queries.build(id))}>{(build) => <BuildView build={build} />}</Loaded>
}

function BuildView({ build }: { build: Build }) {
  const { app, state, origin, by, because, createdAt, startedAt, endedAt, error, artifact, tree } = build
  return (
    <>
      <PageHead
        title={`Build of ${app}`}
        above={<Link to="/builds">Builds</Link>}
        below={
          <>
            <StateOf state={state} /> · {by} · <Ago at={createdAt} />
            {startedAt && (
              <>
                {' '}
                · took <Took from={startedAt} to={endedAt} />
              </>
            )}
          </>
        }
      >
        {endedAt === null && (
          <button type="button" className="button" data-tone="bad" onClick={() => askCancel(build)}>
            Cancel…
          </button>
        )}
      </PageHead>
      <div className="columns wide-left">
        <div className="stack">
          {error && <Problem error={{ message: error.message, hint: error.hint }} />}
          <Card title="Steps" end={<Written build={build} />} flush>
            <Steps build={build} />
          </Card>
          <Output build={build} />
        </div>
        <div className="stack">
          <Card title="From and to">
            <dl className="facts">
              <dt>Because</dt>
              <dd>{because ?? 'it was shipped'}</dd>
              {origin.commit && (
                <>
                  <dt>Commit</dt>
                  <dd>
                    <span className="mono">{origin.commit.slice(0, 12)}</span> {origin.subject}
                  </dd>
                </>
              )}
              <dt>Tree</dt>
              <dd className="mono">{tree.slice(0, 12)}</dd>
              <dt>Artifact</dt>
              <dd className="mono">{artifact ? artifact.slice(0, 12) : 'none'}</dd>
            </dl>
          </Card>
          <Deliveries build={build} />
        </div>
      </div>
    </>
  )
}

function Steps({ build: { steps, reused, endedAt } }: { build: Build }) {
  if (steps.length === 0) {
    const nothing = endedAt ? 'None was run' : 'None yet'
    return <Empty title={reused ? 'An earlier build with the same inputs gave the artifact' : nothing} />
  }
  return (
    <ul className="rows">
      {steps.map((step) => (
        <li key={`${step.name} ${step.startedAt}`}>
          <State
            tone={step.failed ? 'bad' : step.endedAt ? 'good' : 'busy'}
            word={step.failed ? 'failed' : step.endedAt ? 'done' : 'runs'}
            hideWord
          />
          <div className="grow">
            {step.name}
            {step.reused && <p className="soft">{sentence(`reused: ${step.reused}`)}</p>}
            {step.because && <p className="soft">{sentence(`not reused: ${step.because}`)}</p>}
          </div>
          <span className="end">
            <Took from={step.startedAt} to={step.endedAt} />
          </span>
        </li>
      ))}
    </ul>
  )
}

const useLog = ({ id, endedAt }: Build) => useQuery(queries.buildLog(id, endedAt !== null))

/** A build that is over and wrote nothing needs no more than that word. */
function Written({ build }: { build: Build }) {
  const isSilent = useLog(build).data?.text === '' && build.endedAt !== null && !build.reused
  return isSilent && <span className="soft">nothing was written</span>
}

function Output({ build }: { build: Build }) {
  const log = useLog(build)
  if (log.data?.text === '' && build.endedAt !== null) return null
  return (
    <Card
      title="What it wrote"
      end={log.data?.truncated && <span className="soft">the beginning is not kept</span>}
    >
      <Loaded query={log}>
        {({ text }) =>
          text === '' ? (
            <span className="soft">Nothing yet</span>
          ) : (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
            <pre className="lines build-log" tabIndex={0}>
              {coloured(text).map(({ text: piece, colour, isBold }, index) => (
                <span key={index} data-colour={colour ?? undefined} data-bold={isBold || undefined}>
                  {piece}
                </span>
              ))}
            </pre>
          )
        }
      </Loaded>
    </Card>
  )
}
