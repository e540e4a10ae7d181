import { useState } from 'react'
import type { ConfigEntry } from '../../api/config.ts'
import { platform } from '../platform.ts'
import { ask, perform } from '../shell/act.tsx'
import type { Toast } from '../shell/toasts.tsx'

interface Place {
  app: string
  environment: string
}

const rolledOut = (app: string, environment: string, release: number | null) =>
  release === null ? '' : `; v${release} of ${app} is rolling out in ${environment}`

/** The value before is known for plain keys alone, so only those offer a way back. */
export function SetConfig({ app, environment }: Place) {
  const [key, setKey] = useState('')
  const [value, setValue] = useState('')
  const [secret, setSecret] = useState(false)
  return (
    <form
      className="filters"
      onSubmit={(event) => {
        event.preventDefault()
        ask({
          title: `Set ${key} of ${app} in ${environment}?`,
          consequence: `This makes a new release of ${app} with the same code, which takes over in ${environment} once it is healthy.`,
          command: `tow config set ${key}=${secret ? '…' : /[^\w.:/@-]/.test(value) ? `'${value}'` : value}${secret ? ' --secret' : ''} -a ${app} -e ${environment}`,
          verb: 'Set',
          async run() {
            const before = (await platform.config.list({ app, environment })).find((one) => one.key === key)
            const { release } = await platform.config.set({
              ...{ app, environment },
              set: { [key]: secret ? { value, secret } : { value } },
            })
            setKey('')
            setValue('')
            return {
              message: `${key} is set${rolledOut(app, environment, release)}`,
              ...undoOf({ app, environment }, key, before),
            }
          },
        })
      }}
    >
      <label className="field">
        Key
        <input
          className="input mono"
          required
          pattern="[A-Za-z_][A-Za-z0-9_]*"
          value={key}
          onChange={(event) => setKey(event.target.value)}
        />
      </label>
      <label className="field grow">
        Value
        <input
          className="input mono"
          type={secret ? 'password' : 'text'}
          autoComplete="off"
          value={value}
          onChange={(event) => setValue(event.target.value)}
        />
      </label>
      <label className="check">
        <input type="checkbox" checked={secret} onChange={(event) => setSecret(event.target.checked)} />{' '}
        secret
      </label>
      <button type="submit" className="button">
        Set…
      </button>
    </form>
  )
}

export function askUnset({ app, environment, entry }: Place & { entry: ConfigEntry }): void {
  const { key } = entry
  ask({
    title: `Unset ${key} of ${app} in ${environment}?`,
    consequence: `This makes a new release without it, or with the source’s default, which takes over once it is healthy.${entry.secret ? ' The secret’s value can’t be brought back from here.' : ''}`,
    command: `tow config unset ${key} -a ${app} -e ${environment}`,
    verb: 'Unset',
    tone: 'bad',
    async run() {
      const { release } = await platform.config.set({ app, environment, unset: [key] })
      return {
        message: `${key} is unset${rolledOut(app, environment, release)}`,
        ...undoOf({ app, environment }, key, entry),
      }
    },
  })
}

function undoOf(
  { app, environment }: Place,
  key: string,
  before: ConfigEntry | undefined,
): Pick<Toast, 'undo'> {
  const wasSet = before?.source === 'set'
  if (wasSet && before.value === null) return {}
  const back = wasSet ? { set: { [key]: { value: before.value!, secret: false } } } : { unset: [key] }
  const run = () =>
    void perform(async () => {
      const { release } = await platform.config.set({ app, environment, ...back })
      return { message: `${key} is as it was${rolledOut(app, environment, release)}` }
    })
  return { undo: { label: 'Undo', run } }
}
