/**
 * Actions with consequences: asked once, in a sentence that names them, with the command that does the same; what was
 * done is told afterwards, with its undo.
 */
import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState, useSyncExternalStore } from 'react'
import type { TowError } from '../../api/errors.ts'
import { Modal } from '../parts/modal.tsx'
import { Command, Problem } from '../parts/parts.tsx'
import { type Toast, tell } from './toasts.tsx'

export interface Action {
  /** `Roll back web in prod` */
  title: string
  /** What follows from it, one sentence. */
  consequence: ReactNode
  /** What more there is to see before. */
  details?: ReactNode
  command: string
  /** On the button. */
  verb: string
  tone?: 'main' | 'bad'
  run: () => Promise<Toast>
}

let asked: Action | null = null
const watchers = new Set<() => void>()

export function ask(action: Action | null): void {
  asked = action
  for (const watcher of watchers) watcher()
}

/** Without asking: for what an undo does. A failure is told. */
export async function perform(run: () => Promise<Toast>): Promise<void> {
  try {
    tell(await run())
  } catch (error) {
    const { message, hint } = error as TowError
    tell({ message: hint ? `${message}. ${hint}` : message, tone: 'bad' })
  }
}

export function Asking() {
  const action = useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    () => asked,
  )
  return action && <AskDialog key={action.title} action={action} />
}

function AskDialog({ action }: { action: Action }) {
  const { title, consequence, details, command, verb, tone = 'main', run } = action
  const queries = useQueryClient()
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<TowError | null>(null)

  async function go() {
    setBusy(true)
    try {
      tell(await run())
      ask(null)
      void queries.invalidateQueries()
    } catch (failure) {
      setError(failure as TowError)
      setBusy(false)
    }
  }

  return (
    <Modal labelledBy="ask-title" close={() => ask(null)}>
      <form
        className="inner"
        onSubmit={(event) => {
          event.preventDefault()
          void go()
        }}
      >
        <h2 id="ask-title">{title}</h2>
        <p>{consequence}</p>
        {details}
        <div className="soft">
          The same in a terminal: <Command text={command} />
        </div>
        {error && <Problem error={error} />}
        <div className="buttons">
          <button type="button" className="button" onClick={() => ask(null)}>
            Cancel
          </button>
          <button type="submit" data-first className="button" data-tone={tone} disabled={isBusy}>
            {isBusy ? 'Working…' : verb}
          </button>
        </div>
      </form>
    </Modal>
  )
}
