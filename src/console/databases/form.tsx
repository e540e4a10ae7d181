/** One more dump, of an app that has a database in an environment of its own. */
import { useState } from 'react'
import type { NeededDatabase } from '../../api/needs.ts'
import { askTake } from './actions.ts'

export function DumpForm({
  databases,
  app,
  environment,
}: {
  databases: readonly NeededDatabase[]
  app?: string
  environment?: string
}) {
  const [name, setName] = useState('')
  const [chosen, setChosen] = useState(0)
  const own = databases.filter(
    (one) =>
      one.space === null &&
      !one.kept &&
      (app === undefined || (one.app === app && one.environment === environment)),
  )
  const from = own[chosen] ?? own[0]
  if (!from) return null
  return (
    <form
      className="note invite"
      onSubmit={(event) => {
        event.preventDefault()
        askTake({ name: name.trim(), app: from.app, environment: from.environment }, () => setName(''))
      }}
    >
      <label className="field grow">
        Name of the dump
        <input
          className="input"
          required
          placeholder="demo"
          pattern="[a-z](-?[a-z0-9])*"
          title="lower-case letters, digits and single hyphens"
          maxLength={24}
          autoComplete="off"
          spellCheck={false}
          value={name}
          onChange={(event) => setName(event.target.value)}
        />
      </label>
      {app === undefined && (
        <label className="field">
          Of the database of
          <select value={own.indexOf(from)} onChange={(event) => setChosen(Number(event.target.value))}>
            {own.map((one, index) => (
              <option key={`${one.app} ${one.environment}`} value={index}>
                {one.app} in {one.environment}
              </option>
            ))}
          </select>
        </label>
      )}
      <button type="submit" className="button">
        Take…
      </button>
    </form>
  )
}
