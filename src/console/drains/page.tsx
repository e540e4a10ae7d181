/** Log drains: where the log lines of an environment are sent, and how that goes. */
import { useQuery } from '@tanstack/react-query'
import type { Drain } from '../../api/drains.ts'
import { queries } from '../live/queries.ts'
import { Card, Empty, Loaded, PageHead, plural, sentence } from '../parts/parts.tsx'
import { State } from '../parts/state.tsx'
import { Ago, span } from '../parts/time.tsx'
import { askRemove } from './actions.ts'
import { DrainForm } from './form.tsx'

const PROTOCOLS: Record<Drain['kind'], string> = { otlp: 'OTLP', syslog: 'syslog' }

export function DrainsPage() {
  return (
    <>
      <PageHead
        title="Log drains"
        below="Where the log lines of an environment are sent, and how that goes"
      />
      <div className="stack">
        <Loaded query={useQuery(queries.drains())} lines={3}>
          {(all) => (
            <Card title={all.length === 0 ? 'Drains' : plural(all.length, 'drain')} flush>
              {all.length === 0 ? (
                <Empty title="Log lines stay here">
                  <span>A drain sends every line from then on to an OTLP or syslog receiver of yours.</span>
                </Empty>
              ) : (
                <ul className="rows">
                  {all.map((drain) => (
                    <Row key={drain.id} drain={drain} />
                  ))}
                </ul>
              )}
              <DrainForm />
            </Card>
          )}
        </Loaded>
      </div>
    </>
  )
}

const lines = (count: number) => `${count.toLocaleString('en')} ${count === 1 ? 'line' : 'lines'}`

/** What came of the lines so far: what is wrong is said where something is. */
function fate({ sent, missing, refused, behindSeconds }: Drain): string {
  return [
    `${lines(sent)} sent`,
    missing > 0 && `${lines(missing)} aged out before`,
    refused > 0 && `${lines(refused)} refused`,
    behindSeconds > 0 && `${span(behindSeconds)} behind`,
  ]
    .filter(Boolean)
    .join(' · ')
}

function Row({ drain }: { drain: Drain }) {
  const { environment, kind, url, headers, state, problem, failingSince, lastSentAt } = drain
  const isFailing = state === 'failing'
  return (
    <li>
      <State tone={isFailing ? 'bad' : 'good'} word={state} hideWord />
      <div className="grow">
        <strong className="mono">{url}</strong> <span className="tag">{PROTOCOLS[kind]}</span>{' '}
        <span className="tag">{environment}</span>
        <p className="soft">
          {fate(drain)}
          {headers.length > 0 && ` · with ${headers.join(', ')}`}
          {lastSentAt && (
            <>
              {' · last '}
              <Ago at={lastSentAt} />
            </>
          )}
        </p>
        {problem && (
          <p className="soft">
            {isFailing && failingSince && (
              <>
                Failing since <Ago at={failingSince} />:{' '}
              </>
            )}
            {sentence(problem)}
          </p>
        )}
      </div>
      <span className="end">
        {drain.createdBy} · <Ago at={drain.createdAt} />
      </span>
      <button
        type="button"
        className="button"
        data-tone="quiet"
        aria-label={`Stop sending to ${url}`}
        onClick={() => askRemove(drain)}
      >
        Stop…
      </button>
    </li>
  )
}
