/** Work over many files without holding the process: other requests get their turn every few milliseconds. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { TowError } from '../api/errors.ts'

const SLICE_MILLISECONDS = 8

/**
 * Runs `work` over all items. Small files are read synchronously inside it, because a system call of some microseconds
 * costs five times as much by way of the thread pool; large ones return a promise, of which at most `parallel` run.
 * The first failure stops the rest and is thrown once nothing runs any more; an aborted signal throws CANCELLED.
 */
export async function forEachInSlices<T>(
  items: Iterable<T>,
  work: (item: T) => void | Promise<void>,
  options: { signal?: AbortSignal | undefined; parallel?: number } = {},
): Promise<void> {
  const parallel = options.parallel ?? 8
  const running = new Set<Promise<void>>()
  let failure: { error: unknown } | undefined
  let sliceStart = performance.now()
  for (const item of items) {
    if (failure) break
    try {
      throwIfCancelled(options.signal)
      const promise = work(item)
      if (promise) {
        const tracked: Promise<void> = promise
          .catch((error) => {
            failure ??= { error }
          })
          .finally(() => running.delete(tracked))
        running.add(tracked)
        while (running.size >= parallel) await Promise.race(running)
      }
    } catch (error) {
      failure = { error }
      break
    }
    if (performance.now() - sliceStart > SLICE_MILLISECONDS) {
      await nextTurn()
      sliceStart = performance.now()
    }
  }
  await Promise.all(running)
  if (failure) throw failure.error
}

export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new TowError('CANCELLED', 'Cancelled.', { cause: signal.reason })
}
