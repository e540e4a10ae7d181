/** Each name with its state, its certificate, and what is still to be done for it. */
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { Domain } from '../../api/domains.ts'
import { queries } from '../live/queries.ts'
import { AppLink } from '../parts/links.tsx'
import { Card, Copy, Empty, Hint, Loaded, plural, sentence } from '../parts/parts.tsx'
import { State, type Tone } from '../parts/state.tsx'
import { Ago } from '../parts/time.tsx'
import { askRemove } from './actions.ts'

const STATES: Record<Domain['state'], [Tone, string]> = {
  ready: ['good', 'ready'],
  pending: ['busy', 'comes by itself'],
  attention: ['warn', 'needs somebody'],
  unknown: ['none', 'not known'],
}

interface Filter {
  app?: string
  environment?: string
}

export function Domains({ of, form }: { of: Filter; form?: ReactNode }) {
  const isOfPlace = form !== undefined
  return (
    <Loaded query={useQuery(queries.domains(of))} lines={3}>
      {(all) => (
        <Card title={all.length === 0 ? 'Domains' : plural(all.length, 'name')} flush>
          {all.length === 0 ? (
            <NoDomains of={of} isOfPlace={isOfPlace} />
          ) : (
            <ul className="rows">
              {all.map((domain) => (
                <Row key={domain.host} domain={domain} isOfPlace={isOfPlace} />
              ))}
            </ul>
          )}
          {form}
        </Card>
      )}
    </Loaded>
  )
}

function NoDomains({ of: { app, environment }, isOfPlace }: { of: Filter; isOfPlace: boolean }) {
  if (isOfPlace)
    return (
      <Empty title={`${app} answers in ${environment} to its own address alone`}>
        <span>A name that people know leads to it as well, without a release.</span>
      </Empty>
    )
  return (
    <Empty title={app || environment ? 'No name is like that' : 'No app answers to a name of your own'}>
      <span>
        An app’s page has <em>Domains</em>, where one is added; so does <code>tow domains add</code>.
      </span>
    </Empty>
  )
}

function Row({ domain, isOfPlace }: { domain: Domain; isOfPlace: boolean }) {
  const { host, app, environment, certificate, expiresAt, url, findings, createdAt, createdBy } = domain
  const [tone, word] = STATES[domain.state]
  return (
    <li>
      <State tone={tone} word={word} hideWord />
      <div className="grow">
        {url ? (
          <a href={url} rel="noreferrer" data-row>
            <strong>{host}</strong>
          </a>
        ) : (
          <strong>{host}</strong>
        )}{' '}
        <span className="soft">
          {word}
          {!isOfPlace && (
            <>
              {' · '}
              <AppLink app={app} environment={environment} />
            </>
          )}
          {certificate !== null && (
            <>
              {' · certificate '}
              <span className="mono">{certificate}</span>
              {expiresAt && (
                <>
                  , ends <Ago at={expiresAt} />
                </>
              )}
            </>
          )}
        </span>
        {findings.map(({ message, hint }) => (
          <Finding key={message} message={message} hint={hint} />
        ))}
      </div>
      <span className="end">
        {createdBy} · <Ago at={createdAt} />
      </span>
      <button
        type="button"
        className="button"
        data-tone="quiet"
        aria-label={`Remove ${host}`}
        onClick={() => askRemove(domain)}
      >
        Remove…
      </button>
    </li>
  )
}

/** A record for DNS, or commands for somebody else, come as they are. */
function Finding({ message, hint }: Domain['findings'][number]) {
  const isText = hint?.includes('\n') || (hint !== null && / \n?(A|AAAA|CNAME) \S/.test(hint))
  return (
    <div className="finding">
      <p className="soft">{sentence(message)}</p>
      {hint !== null &&
        (isText ? (
          <div className="verbatim">
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard */}
            <pre tabIndex={0}>{hint}</pre>
            <Copy text={hint} what="what is to be done" />
          </div>
        ) : (
          <p>
            <Hint text={hint} />
          </p>
        ))}
    </div>
  )
}
