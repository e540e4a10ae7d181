/** One more receiver. What lets in there is typed here once, sealed, and shown nowhere. */
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { queries } from '../live/queries.ts'
import { askAdd } from './actions.ts'

const EMPTY = { url: '', header: '', value: '', plain: false }

export function DrainForm() {
  const { data: pipeline } = useQuery(queries.pipeline())
  const [environment, setEnvironment] = useState('')
  const [asked, setAsked] = useState(EMPTY)
  const environments = pipeline?.environments ?? []
  const chosen = environments.includes(environment) ? environment : environments[0]
  const set = (next: Partial<typeof EMPTY>) => setAsked((before) => ({ ...before, ...next }))
  if (chosen === undefined) return null
  const text = (key: 'url' | 'header' | 'value') => ({
    className: 'input',
    autoComplete: 'off',
    spellCheck: false,
    value: asked[key],
    onChange: (event: { target: { value: string } }) => set({ [key]: event.target.value }),
  })
  return (
    <form
      className="note invite"
      onSubmit={(event) => {
        event.preventDefault()
        askAdd({ ...asked, environment: chosen }, () => setAsked(EMPTY))
      }}
    >
      <label className="field">
        Environment
        <select value={chosen} onChange={(event) => setEnvironment(event.target.value)}>
          {environments.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
      </label>
      <label className="field grow">
        Address of the receiver
        <input required maxLength={2000} placeholder="https://otel.example.com" {...text('url')} />
      </label>
      <label className="field grow">
        Header, if it wants one
        <input maxLength={64} placeholder="Authorization" {...text('header')} />
      </label>
      <label className="field grow">
        Its value
        <input type="password" maxLength={4096} {...text('value')} disabled={asked.header === ''} />
      </label>
      {/^(http|syslog\+tcp):/.test(asked.url.trim()) && (
        <label className="check">
          <input
            type="checkbox"
            checked={asked.plain}
            onChange={(event) => set({ plain: event.target.checked })}
          />{' '}
          the network may be trusted
        </label>
      )}
      <button type="submit" className="button">
        Send there…
      </button>
    </form>
  )
}
