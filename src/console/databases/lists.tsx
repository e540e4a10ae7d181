import { Link } from '@tanstack/react-router'
import type { Dump } from '../../api/dumps.ts'
import type { NeededDatabase } from '../../api/needs.ts'
import { AppLink } from '../parts/links.tsx'
import { Command, megabytes, sentence } from '../parts/parts.tsx'
import { State, type Tone } from '../parts/state.tsx'
import { Ago } from '../parts/time.tsx'
import { askRemove } from './actions.ts'

export function DatabaseRows({
  databases,
  isOfPlace,
}: {
  databases: readonly NeededDatabase[]
  isOfPlace: boolean
}) {
  return (
    <ul className="rows">
      {databases.map((one) => (
        <li key={`${one.environment} ${one.space} ${one.database}`}>
          <State
            tone={one.kept ? 'warn' : 'good'}
            word={one.kept ? 'kept; its app is gone' : 'in use'}
            hideWord
          />
          <div className="grow">
            <strong className="mono">{one.database}</strong>{' '}
            <span className="soft">
              {!isOfPlace &&
                (one.kept ? (
                  `of ${one.app} in ${one.environment}, which is gone`
                ) : (
                  <>
                    of <AppLink app={one.app} environment={one.environment} />
                  </>
                ))}
              {one.space !== null && (
                <>
                  {isOfPlace ? 'of the copy in ' : ', its copy in '}
                  <Link to="/spaces/$space" params={{ space: one.space }}>
                    {one.space}
                  </Link>
                </>
              )}
            </span>
            {one.kept && one.space === null && (
              <>
                <p className="soft">
                  Its data is kept: an app that comes back finds it again. This drops it for ever:
                </p>
                <p>
                  <Command
                    text={`tow needs remove ${one.app} -e ${one.environment} --confirm ${one.database}`}
                  />
                </p>
              </>
            )}
          </div>
          <span className="end">
            PostgreSQL · <Ago at={one.createdAt} />
          </span>
        </li>
      ))}
    </ul>
  )
}

const STATES: Record<Dump['state'], [Tone, string]> = {
  taking: ['busy', 'is being taken'],
  ready: ['good', 'ready'],
  failed: ['bad', 'failed'],
}

export function DumpRows({ dumps, isOfPlace }: { dumps: readonly Dump[]; isOfPlace: boolean }) {
  return (
    <ul className="rows">
      {dumps.map((dump) => {
        const { name, app, environment, state, problem, bytes, by, at } = dump
        const [tone, word] = STATES[state]
        return (
          <li key={name}>
            <State tone={tone} word={word} hideWord />
            <div className="grow">
              <strong>{name}</strong>{' '}
              <span className="soft">
                {isOfPlace ? `from ${environment}` : `of ${app} from ${environment}`} ·{' '}
                {state === 'ready' ? megabytes(bytes) : word}
              </span>
              {problem && <p className="soft">{sentence(problem)}</p>}
              {state === 'ready' && (
                <p>
                  <Command text={`tow spaces add mine --apps ${app} --from-dump ${name}`} />
                </p>
              )}
            </div>
            <span className="end">
              {by} · <Ago at={at} />
            </span>
            <button
              type="button"
              className="button"
              data-tone="quiet"
              aria-label={`Remove the dump ${name}`}
              onClick={() => askRemove(dump)}
            >
              Remove…
            </button>
          </li>
        )
      })}
    </ul>
  )
}
