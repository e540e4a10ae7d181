/** Config, with where each value comes from. Secrets show that they are there, and no more. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ConfigEntry } from '../../api/config.ts'
import { queries } from '../live/queries.ts'
import { Meaning } from '../parts/meaning.tsx'
import { Card, Command, Empty, Loaded } from '../parts/parts.tsx'
import { Ago } from '../parts/time.tsx'
import { usePlace } from './place.ts'
import { askUnset, SetConfig } from './set-config.tsx'

const SOURCES: Record<ConfigEntry['source'], [string, string]> = {
  set: ['set', 'somebody set it for this environment'],
  file: ['from a file', 'whoever develops it has it in a file such as .env'],
  generated: ['generated', 'the platform made it up, once for this environment'],
  default: ['default', 'the source says so in tow.yaml'],
  need: ['need', 'it comes with something that the app needs'],
  platform: ['platform', 'the platform gives it at run time'],
}

const WORDS = Object.values(SOURCES)
  .map(([word, meaning]) => `${word}: ${meaning}.`)
  .join(' ')

export function ConfigPage() {
  const place = usePlace()
  const { app, environment } = place
  const config = useQuery(queries.config(place))
  const [text, setText] = useState('')
  return (
    <div className="stack">
      <SetConfig {...place} />
      <Card
        title="Config"
        end={
          <input
            className="input"
            type="search"
            data-search
            aria-label="Search keys"
            placeholder="Search keys"
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        }
        flush
      >
        <Loaded query={config}>
          {(entries) => {
            const shown = entries.filter(({ key }) => key.toLowerCase().includes(text.toLowerCase()))
            if (shown.length === 0)
              return (
                <Empty title={entries.length === 0 ? 'Nothing is configured' : 'No key is called that'}>
                  <Command text={`tow config set KEY=value -a ${app} -e ${environment}`} />
                </Empty>
              )
            return (
              // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be reached by keyboard
              <section className="table-box" tabIndex={0} aria-label="Config">
                <table className="table">
                  <thead>
                    <tr>
                      <th scope="col">Key</th>
                      <th scope="col">Value</th>
                      <th scope="col">
                        <Meaning text={WORDS}>From</Meaning>
                      </th>
                      <th scope="col">By</th>
                      <td />
                    </tr>
                  </thead>
                  <tbody>
                    {shown.map((entry) => (
                      <Row key={entry.key} entry={entry} {...place} />
                    ))}
                  </tbody>
                </table>
              </section>
            )
          }}
        </Loaded>
      </Card>
    </div>
  )
}

function Row({ entry, app, environment }: { entry: ConfigEntry; app: string; environment: string }) {
  const { key, secret, value, version, source, by, at } = entry
  const [word, meaning] = SOURCES[source]
  return (
    <tr>
      <th scope="row" className="mono">
        {key}
      </th>
      <td className="wrap mono">
        {secret ? <span className="soft">secret, version {version}</span> : value}
      </td>
      <td>
        <span className="tag" title={meaning}>
          {word}
        </span>
      </td>
      <td className="soft nowrap">
        {by} {at && <Ago at={at} />}
      </td>
      <td>
        {source === 'set' && (
          <button
            type="button"
            className="button"
            data-tone="quiet"
            aria-label={`Unset ${key}`}
            onClick={() => askUnset({ app, environment, entry })}
          >
            Unset…
          </button>
        )}
      </td>
    </tr>
  )
}
