import { useQuery } from '@tanstack/react-query'
import { queries } from '../live/queries.ts'
import { Card, Hint, Loaded, sentence } from '../parts/parts.tsx'
import { Ago } from '../parts/time.tsx'

/** Why it is as it is, in the platform's own words. */
export function Why({ app, environment }: { app: string; environment: string }) {
  const query = useQuery(queries.why({ app, environment }))
  return (
    <Card title="Why is it so?">
      <Loaded query={query}>
        {(answers) => {
          const answer = answers.find((one) => one.environment === environment) ?? answers[0]
          if (!answer) return <p className="soft">There is nothing to tell.</p>
          return (
            <div className="stack why">
              <p>
                <strong>{sentence(answer.answer)}</strong>
              </p>
              <ol>
                {answer.facts.map(({ at, text, lines }) => (
                  <li key={`${at} ${text}`}>
                    {sentence(text)}{' '}
                    {at && (
                      <span className="soft">
                        <Ago at={at} />
                      </span>
                    )}
                    {lines.length > 0 && <pre className="lines">{lines.join('\n')}</pre>}
                  </li>
                ))}
              </ol>
              {answer.next.map((command) => (
                <div key={command}>
                  <Hint text={command} />
                </div>
              ))}
            </div>
          )
        }}
      </Loaded>
    </Card>
  )
}
