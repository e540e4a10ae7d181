/** Waiting for what is committed elsewhere: a wake that comes while nobody waits is remembered. */
import type { Database } from './database.ts'

export interface Wakes {
  /** Resolves after a wake of one of the topics, when the signal is aborted, or when `milliseconds` have passed. */
  next(milliseconds?: number): Promise<void>
  stop(): void
}

/** Begin to listen before the first read, so that a commit in between is not missed. */
export function wakesOf(
  { listen }: Pick<Database, 'listen'>,
  topics: readonly string[],
  signal: AbortSignal,
): Wakes {
  let isOwed = false
  let notify = () => {}
  const wake = () => {
    isOwed = true
    notify()
  }
  const unlisten = topics.map((topic) => listen(topic, wake))
  signal.addEventListener('abort', wake)
  return {
    async next(milliseconds) {
      if (!isOwed && !signal.aborted) {
        const timer = milliseconds === undefined ? undefined : setTimeout(wake, milliseconds)
        await new Promise<void>((resolve) => {
          notify = resolve
        })
        clearTimeout(timer)
      }
      isOwed = false
    },
    stop() {
      for (const leave of unlisten) leave()
      signal.removeEventListener('abort', wake)
    },
  }
}
