/** Keys that work everywhere; what is typed into a field is left to the field. */
import { useEffect } from 'react'
import { pageCommands } from './commands.ts'
import { PAGES, type PageLink } from './pages.tsx'
import { undoLast } from './toasts.tsx'

interface Doors {
  openPalette: () => void
  openHelp: () => void
  go: (to: PageLink['to']) => void
}

/** After `g`, this long. */
const NEXT_KEY_MILLISECONDS = 1200

export function useKeys({ openPalette, openHelp, go }: Doors): void {
  useEffect(() => {
    let goingSince = Number.NEGATIVE_INFINITY
    function down(event: KeyboardEvent) {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault()
        return openPalette()
      }
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      if (document.querySelector('dialog[open]')) return
      if (event.timeStamp - goingSince < NEXT_KEY_MILLISECONDS) {
        goingSince = Number.NEGATIVE_INFINITY
        const page = PAGES.find(({ key }) => key === event.key)
        if (page) {
          event.preventDefault()
          return go(page.to)
        }
      }
      const command = pageCommands().find(({ key }) => key === event.key)
      if (event.key === 'g') goingSince = event.timeStamp
      else if (event.key === '?') openHelp()
      else if (event.key === 'u') undoLast()
      else if (event.key === '/') {
        const field = document.querySelector<HTMLInputElement>('[data-search]')
        if (field) event.preventDefault()
        field?.focus()
      } else if (event.key === 'j' || event.key === 'k') moveBy(event.key === 'j' ? 1 : -1)
      else if (command) {
        event.preventDefault()
        command.run()
      }
    }
    addEventListener('keydown', down)
    return () => removeEventListener('keydown', down)
  }, [openPalette, openHelp, go])
}

/** A box that is ticked takes no letters. */
function isTyping(target: EventTarget | null): boolean {
  if (target instanceof HTMLInputElement) return target.type !== 'checkbox'
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(SELECT|TEXTAREA)$/.test(target.tagName))
  )
}

/** From one row of the page's lists to the next. */
function moveBy(step: number): void {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')]
  const at = rows.indexOf(document.activeElement as HTMLElement)
  const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step]
  next?.focus()
  next?.scrollIntoView({ block: 'nearest' })
}
