/** Everything that can be gone to or done, by a few letters of its name. */
import { useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useDeferredValue, useMemo, useState } from 'react'
import { queries } from '../live/queries.ts'
import { Modal } from '../parts/modal.tsx'
import { choose, optionsOf } from './choices.ts'
import { usePageCommands } from './commands.ts'
import { APP_PAGES, PAGES } from './pages.tsx'

interface Entry {
  name: string
  what: string
  run: () => void
}

const MOST = 50

/** How well the letters fit: every word must be there, the beginning counts most. Null: not at all. */
export function fit(name: string, words: readonly string[]): number | null {
  const text = name.toLowerCase()
  let score = 0
  for (const word of words) {
    const at = text.indexOf(word)
    if (at < 0) return null
    score += at === 0 ? 0 : /[\s/-]/.test(text[at - 1]!) ? 1 : 2
  }
  return score * 100 + text.length
}

/** What the letters may mean, best first. */
function matching(entries: readonly Entry[], text: string): Entry[] {
  const words = text
    .toLowerCase()
    .split(/[\s/]+/)
    .filter(Boolean)
  return entries
    .flatMap((entry) => {
      const score = fit(entry.name, words)
      return score === null ? [] : [{ entry, score: words.length === 0 ? 0 : score }]
    })
    .sort((one, other) => one.score - other.score)
    .slice(0, MOST)
    .map(({ entry }) => entry)
}

export function Palette({ close }: { close: () => void }) {
  const navigate = useNavigate()
  const { data: apps = [] } = useQuery(queries.apps())
  const commands = usePageCommands()
  const [text, setText] = useState('')
  const [chosen, setChosen] = useState(0)
  const asked = useDeferredValue(text)

  const entries = useMemo<Entry[]>(
    () => [
      ...commands.map(({ name, run }) => ({ name, what: 'here', run })),
      ...PAGES.map(({ name, to }) => ({ name, what: 'page', run: () => void navigate({ to }) })),
      ...apps.flatMap(({ name: app, environments }) =>
        environments.flatMap(({ environment }) =>
          APP_PAGES.map(([page, , to]) => ({
            name: page === 'overview' ? `${app} ${environment}` : `${page} of ${app} ${environment}`,
            what: page === 'overview' ? 'app' : page,
            run: () => void navigate({ to, params: { app, environment } }),
          })),
        ),
      ),
      ...optionsOf('theme').map((theme) => ({
        name: `theme: ${theme}`,
        what: 'look',
        run: () => choose('theme', theme),
      })),
      ...optionsOf('view').map((view) => ({
        name: `view: ${view}`,
        what: 'look',
        run: () => choose('view', view),
      })),
      { name: 'API', what: 'page', run: () => location.assign('/docs') },
    ],
    [apps, commands, navigate],
  )
  const found = useMemo(() => matching(entries, asked), [entries, asked])

  function go(entry: Entry | undefined) {
    if (!entry) return
    close()
    entry.run()
  }

  return (
    <Modal className="palette" label="Go to or do" close={close}>
      <input
        className="palette-input"
        data-first
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={found[chosen] ? `palette-${chosen}` : undefined}
        aria-label="Go to an app, a page or an action"
        placeholder="An app, a page, an action…"
        value={text}
        onChange={(event) => {
          setText(event.target.value)
          setChosen(0)
        }}
        onKeyDown={(event) => {
          const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
          if (step) {
            event.preventDefault()
            const next = (chosen + step + found.length) % Math.max(1, found.length)
            setChosen(next)
            document.getElementById(`palette-${next}`)?.scrollIntoView({ block: 'nearest' })
          }
          if (event.key === 'Enter') {
            event.preventDefault()
            // The list may be some letters behind whoever types fast.
            go(asked === text ? found[chosen] : matching(entries, text)[0])
          }
        }}
      />
      <div id="palette-list" role="listbox" aria-label="Found" className="palette-list">
        {found.map((entry, index) => (
          // biome-ignore lint/a11y/useFocusableInteractive: the input keeps the focus and names the chosen one
          // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the input’s
          <div
            key={`${entry.what} ${entry.name}`}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === chosen}
            onMouseMove={() => setChosen(index)}
            onClick={() => go(entry)}
          >
            <span className="clip">{entry.name}</span>
            <span className="soft">{entry.what}</span>
          </div>
        ))}
      </div>
      {found.length === 0 && <p className="empty">Nothing is called that. Try an app or a page.</p>}
    </Modal>
  )
}
