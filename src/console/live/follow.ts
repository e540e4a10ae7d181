/**
 * The one stream of this page: the timeline from the last event on, in commit order. It reconnects by itself and goes on
 * after the last position, so nothing is missed; while the page is hidden it rests, so that many open pages do not use
 * up the few connections that a browser allows.
 */
import { useSyncExternalStore } from 'react'
import type { Event } from '../../api/events.ts'
import { lastHeard, platform, signInAgain, streams } from '../platform.ts'

export type LiveState = 'connecting' | 'live' | 'stale'

interface Live {
  state: LiveState
  /** When it was last known to be up to date, in milliseconds; 0 before the first time. */
  asOf: number
}

const FIRST_PAUSE = 500
const LONGEST_PAUSE = 8000

let live: Live = { state: 'connecting', asOf: 0 }
let position: number | null = null
const watchers = new Set<() => void>()
const listeners = new Set<(event: Event) => void>()

function become(state: LiveState, asOf: number = live.asOf): void {
  live = { state, asOf }
  for (const watcher of watchers) watcher()
}

export function useLive(): Live {
  return useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    () => live,
  )
}

export function onEvent(listener: (event: Event) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

let following = new AbortController()
let isLeaving = false

/** Whoever signs out ends the stream themselves: the platform would cut it off, which reads like a fault. */
export function endFollowing(): void {
  isLeaving = true
  following.abort()
}

/** Follows as long as the page is open. `caughtUp`: what was read before may be old. */
export async function followTimeline(caughtUp: () => void): Promise<void> {
  for (let pause = FIRST_PAUSE; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    if (isLeaving) return
    await untilVisible()
    const end = new AbortController()
    following = end
    const rest = () => {
      if (document.hidden) end.abort()
    }
    document.addEventListener('visibilitychange', rest)
    try {
      position ??= (await platform.events.list({ limit: 1 }))[0]?.position ?? 0
      const events = await streams.events.follow({ after: position }, { signal: end.signal })
      if (live.state === 'stale') caughtUp()
      become('live', Date.now())
      for await (const event of events) {
        pause = FIRST_PAUSE
        position = event.position
        for (const listener of listeners) listener(event)
      }
    } catch (error) {
      if ((error as { code?: string }).code === 'UNAUTHENTICATED') signInAgain()
    }
    document.removeEventListener('visibilitychange', rest)
    become('stale', Math.max(live.asOf, lastHeard()))
    if (!document.hidden) await new Promise((resolve) => setTimeout(resolve, pause))
  }
}

function untilVisible(): Promise<void> {
  if (!document.hidden) return Promise.resolve()
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden) return
      document.removeEventListener('visibilitychange', look)
      resolve()
    }
    document.addEventListener('visibilitychange', look)
  })
}
