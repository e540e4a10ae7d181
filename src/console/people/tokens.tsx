import { useQuery } from '@tanstack/react-query'
import type { Token } from '../../api/people.ts'
import { queries } from '../live/queries.ts'
import { Card, Command, Empty, Loaded } from '../parts/parts.tsx'
import { Ago } from '../parts/time.tsx'
import { platform } from '../platform.ts'
import { ask } from '../shell/act.tsx'

/** One's own. A token is made where it is used, so that its secret never passes a page. */
export function Tokens() {
  return (
    <Card title="Your tokens" end={<Command text="tow tokens add ci" />} flush>
      <Loaded query={useQuery(queries.tokens())}>
        {(all) =>
          all.length === 0 ? (
            <Empty title="You have none" />
          ) : (
            <ul className="rows">
              {all.map((token) => (
                <li key={token.name} className="app-row">
                  <div className="grow">
                    <strong className="mono">{token.name}</strong>{' '}
                    {token.signedIn && <span className="tag">sign-in</span>}
                    <p className="soft">
                      ends <Ago at={token.expiresAt} /> ·{' '}
                      {token.lastUsedAt ? (
                        <>
                          last used <Ago at={token.lastUsedAt} />
                        </>
                      ) : (
                        'never used'
                      )}
                    </p>
                  </div>
                  <button
                    type="button"
                    className="button"
                    data-tone="quiet"
                    aria-label={`End ${token.name}`}
                    onClick={() => askEnd(token)}
                  >
                    End…
                  </button>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Card>
  )
}

function askEnd({ name }: Token): void {
  ask({
    title: `End the token ${name}?`,
    consequence:
      'Whatever uses it is refused from now on. It can’t be brought back; another one can be made.',
    command: `tow tokens remove ${name}`,
    verb: 'End it',
    tone: 'bad',
    async run() {
      await platform.tokens.remove({ name })
      return { message: `${name} is ended` }
    },
  })
}
