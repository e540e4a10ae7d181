/** What somebody chose in this browser: kept here, told to nobody. */
import { useSyncExternalStore } from 'react'

const CHOICES = {
  theme: ['system', 'light', 'dark'],
  view: ['developer', 'support', 'lead'],
} as const
type Choices = { [Key in keyof typeof CHOICES]: (typeof CHOICES)[Key][number] }
export type View = Choices['view']

const watchers = new Set<() => void>()

function read<Key extends keyof Choices>(key: Key): Choices[Key] {
  const kept = localStorage.getItem(`towpath.${key}`)
  const known: readonly string[] = CHOICES[key]
  return (kept !== null && known.includes(kept) ? kept : known[0]) as Choices[Key]
}

export function choose<Key extends keyof Choices>(key: Key, value: Choices[Key]): void {
  localStorage.setItem(`towpath.${key}`, value)
  if (key === 'theme') applyTheme()
  for (const watcher of watchers) watcher()
}

export function useChoice<Key extends keyof Choices>(key: Key): Choices[Key] {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    () => read(key),
  )
}

export function applyTheme(): void {
  const theme = read('theme')
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}

export const optionsOf = <Key extends keyof Choices>(key: Key): readonly Choices[Key][] =>
  CHOICES[key] as readonly string[] as readonly Choices[Key][]
