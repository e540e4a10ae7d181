/** How far this browser has looked through the timeline: kept here, told to nobody. */
import { useSyncExternalStore } from 'react'

interface Seen {
  position: number
  at: string | null
}

const KEY = 'towpath.seen'
/** Whoever looks elsewhere for so long was away, and what came meanwhile is new to them. */
const AWAY_MILLISECONDS = 5 * 60_000

const NEVER: Seen = { position: 0, at: null }

function read(): Seen {
  try {
    const { position, at } = JSON.parse(localStorage.getItem(KEY) ?? '') as Seen
    return typeof position === 'number' ? { position, at: at ?? null } : NEVER
  } catch {
    return NEVER
  }
}

/** As it was when they came: what is new stays marked while it is looked at. */
let before = read()
let hiddenAt = Number.POSITIVE_INFINITY
const watchers = new Set<() => void>()

function become(next: Seen): void {
  before = next
  for (const watcher of watchers) watcher()
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) hiddenAt = Date.now()
  else if (Date.now() - hiddenAt > AWAY_MILLISECONDS) become(read())
})

export function useSeenBefore(): Seen {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    () => before,
  )
}

/** They look at it now. */
export function note(position: number): void {
  if (!document.hidden) localStorage.setItem(KEY, JSON.stringify({ position, at: new Date().toISOString() }))
}

/** They have read it all: nothing is new any more. */
export function readAll(position: number): void {
  note(position)
  become({ position, at: new Date().toISOString() })
}
