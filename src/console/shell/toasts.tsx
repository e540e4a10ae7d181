/** What was done, with the way back beside it. */
import { useSyncExternalStore } from 'react'

export interface Toast {
  message: string
  tone?: 'good' | 'bad'
  undo?: { label: string; run: () => void }
}

const LASTS = 12_000
/** Whoever has the pointer or the focus on one is about to use it. */
const LOOKED_AT_AGAIN = 2000

let toasts: readonly (Toast & { id: number })[] = []
let last = 0
const watchers = new Set<() => void>()

function set(next: typeof toasts): void {
  toasts = next
  for (const watcher of watchers) watcher()
}

const drop = (id: number) => set(toasts.filter((toast) => toast.id !== id))

export function tell(toast: Toast): void {
  last += 1
  const id = last
  set([...toasts.slice(-3), { ...toast, id }])
  setTimeout(() => expire(id), LASTS)
}

function expire(id: number): void {
  const isLookedAt = document.getElementById(`toast-${id}`)?.matches(':hover, :focus-within') ?? false
  if (isLookedAt) setTimeout(() => expire(id), LOOKED_AT_AGAIN)
  else drop(id)
}

/** Takes back what was done last, as far as that can be and is still told. */
export function undoLast(): void {
  const toast = toasts.findLast(({ undo }) => undo)
  if (!toast) return
  drop(toast.id)
  toast.undo!.run()
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (watcher) => {
      watchers.add(watcher)
      return () => watchers.delete(watcher)
    },
    () => toasts,
  )
  return (
    <section className="toasts" role="status" aria-label="What was done">
      {shown.map(({ id, message, tone = 'good', undo }) => (
        <div key={id} id={`toast-${id}`} className="toast" data-tone={tone}>
          <div>{message}</div>
          {undo && (
            <button
              type="button"
              className="button"
              onClick={() => {
                drop(id)
                undo.run()
              }}
            >
              {undo.label}
            </button>
          )}
          <button
            type="button"
            className="button"
            data-tone="quiet"
            aria-label="Dismiss"
            onClick={() => drop(id)}
          >
            ✕
          </button>
        </div>
      ))}
    </section>
  )
}
