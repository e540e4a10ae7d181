/** What can be done on the page that is open: for the palette, and by key. */
import { useEffect, useSyncExternalStore } from 'react'

export interface PageCommand {
  name: string
  /** One letter, where the page has one for it. */
  key?: string
  run: () => void
}

let current: readonly PageCommand[] = []
const watchers = new Set<() => void>()

function set(next: readonly PageCommand[]): void {
  current = next
  for (const watcher of watchers) watcher()
}

export const pageCommands = () => current

/** For as long as the page that says so is open. */
export function useCommands(commands: readonly PageCommand[]): void {
  useEffect(() => {
    set(commands)
    return () => {
      if (current === commands) set([])
    }
  }, [commands])
}

export function usePageCommands(): readonly PageCommand[] {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    () => current,
  )
}
