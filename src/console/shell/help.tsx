import { Modal } from '../parts/modal.tsx'
import { usePageCommands } from './commands.ts'
import { PAGES } from './pages.tsx'

const KEYS = [
  ['Ctrl K', 'find an app, a page, an action'],
  ['/', 'search on this page'],
  ['j  k', 'the next row, the one before'],
  ['Enter', 'open it'],
  ['u', 'undo what was just done'],
  ['Esc', 'close what is open'],
  ['?', 'this help'],
] as const

export function Help({ close }: { close: () => void }) {
  const commands = usePageCommands().filter(({ key }) => key)
  return (
    <Modal labelledBy="help-title" close={close}>
      <div className="inner">
        <h2 id="help-title">Keys</h2>
        <dl className="facts">
          {KEYS.map(([key, what]) => (
            <Key key={key} keys={key} what={what} />
          ))}
          {commands.map(({ key, name }) => (
            <Key key={name} keys={key!} what={`${name} (on this page)`} />
          ))}
          {PAGES.map(({ key, name }) => (
            <Key key={name} keys={`g ${key}`} what={name} />
          ))}
        </dl>
        <p className="soft">
          Every action shows the <code>tow</code> command that does the same. The <a href="/docs">API</a> does
          all of it too.
        </p>
        <div className="buttons">
          <button type="button" className="button" onClick={close}>
            Close
          </button>
        </div>
      </div>
    </Modal>
  )
}

function Key({ keys, what }: { keys: string; what: string }) {
  return (
    <>
      <dt>
        {keys.split(/ +/).map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{what}</dd>
    </>
  )
}
