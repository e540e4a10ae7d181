/** One build: its steps with their times, what it wrote, and what was reused and why. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import type { Build } from '../../api/builds.ts'
import { queries } from '../live/queries.ts'
import { coloured } from '../logs/line.ts'
import { Card, Empty, Loaded, PageHead, Problem, sentence } from '../parts/parts.tsx'
import { State, StateOf } from '../parts/state.tsx'
import { Ago, Took } from '../parts/time.tsx'
import { platform } from '../platform.ts'
import { ask } from '../shell/act.tsx'

const route = getRouteApi('/builds/$id')

export function BuildPage() {
  const { id } = route.useParams()
  return <Loaded query={useQuery(queries.build(id))}>{(build) => <BuildView build={build} />}</Loaded>
}

function BuildView({ build }: { build: Build }) {
  const {
    id,
    app,
    state,
    steps,
    origin,
    by,
    because,
    createdAt,
    startedAt,
    endedAt,
    error,
    artifact,
    reused,
    tree,
  } = build
  const log = useQuery(queries.buildLog(id, endedAt !== null))
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
          <Card
            title="What it wrote"
            end={log.data?.truncated && <span className="soft">the beginning is not kept</span>}
          >
            <Loaded query={log}>
              {({ text }) =>
                text === '' ? (
                  <Empty
                    title={
                      reused ? 'Nothing: it was not run again' : endedAt ? 'It wrote nothing' : 'Nothing yet'
                    }
                  />
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
        </div>
        <div className="stack">
          <Card title="Steps" flush>
            {steps.length === 0 ? (
              <Empty
                title={reused ? 'An earlier build with the same inputs gave the artifact' : 'None yet'}
              />
            ) : (
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
            )}
          </Card>
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
              <dd className="mono">{artifact ? artifact.slice(0, 12) : '–'}</dd>
            </dl>
          </Card>
        </div>
      </div>
    </>
  )
}

function askCancel({ id, app }: Build): void {
  ask({
    title: `Cancel the build of ${app}?`,
    consequence: `The build ends, and the delivery that waits for it fails; what serves goes on serving. Shipping again builds again.`,
    command: `tow builds cancel ${id}`,
    verb: 'Cancel the build',
    tone: 'bad',
    async run() {
      await platform.builds.cancel({ id })
      return { message: `The build of ${app} is cancelled` }
    },
  })
}
