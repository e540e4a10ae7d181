/** Times as people say them; the exact one on hover. All of them tick together. */
import { useSyncExternalStore } from 'react'

const TICK = 1000
const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

let now = Date.now()
const watchers = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | null = null

function watch(watcher: () => void): () => void {
  watchers.add(watcher)
  timer ??= setInterval(() => {
    now = Date.now()
    for (const one of watchers) one()
  }, TICK)
  return () => {
    watchers.delete(watcher)
    if (watchers.size === 0 && timer) {
      clearInterval(timer)
      timer = null
    }
  }
}

/** `3 min ago`; the text changes only when what it says does. */
export function Ago({ at }: { at: string }) {
  const text = useSyncExternalStore(watch, () => ago((Date.now() - Date.parse(at)) / 1000))
  return (
    <time dateTime={at} title={exact(at)}>
      {text}
    </time>
  )
}

/** Milliseconds since the epoch, once a second. */
export function useNow(): number {
  return useSyncExternalStore(watch, () => now)
}

export function ago(seconds: number): string {
  // What lasts a week lasts seven days also a moment later.
  if (seconds < -5) return `in ${span(-seconds, Math.round)}`
  return seconds < 10 ? 'just now' : `${span(seconds)} ago`
}

/** The largest unit that says enough: `45 s`, `3 min`, `5 h`, `12 d`. */
export function span(seconds: number, whole = Math.floor): string {
  if (seconds < 9.95) return `${Math.max(0, Math.round(seconds * 10) / 10)} s`
  if (seconds < MINUTE) return `${Math.round(seconds)} s`
  if (seconds < HOUR) return `${whole(seconds / MINUTE)} min`
  if (seconds < DAY) return `${whole(seconds / HOUR)} h`
  return `${whole(seconds / DAY)} d`
}

const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'long' })
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })

export const exact = (at: string) => EXACT.format(new Date(at))
export const clock = (at: string) => CLOCK.format(new Date(at))

/** How long it took, or takes so far. */
export function Took({ from, to }: { from: string; to: string | null }) {
  const current = useNow()
  const seconds = ((to ? Date.parse(to) : current) - Date.parse(from)) / 1000
  return <span className="number nowrap">{span(Math.max(0, seconds))}</span>
}
