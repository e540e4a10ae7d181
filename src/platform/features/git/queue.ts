/** One at a time, by name: who comes later waits, and may give up waiting. */
export interface Queue {
  /** Whether somebody would have to wait. */
  isBusy(name: string): boolean
  /** Resolves with how to make way for the next. Rejects with the signal's reason. */
  enter(name: string, signal: AbortSignal): Promise<() => void>
}

export function createQueue(): Queue {
  const last = new Map<string, Promise<void>>()
  return {
    isBusy: (name) => last.has(name),
    async enter(name, signal) {
      const before = last.get(name)
      const { promise: over, resolve: leave } = Promise.withResolvers<void>()
      const mine = Promise.all([before, over]).then(() => {
        if (last.get(name) === mine) last.delete(name)
      })
      last.set(name, mine)
      const gone = Promise.withResolvers<never>()
      const stop = () => gone.reject(signal.reason)
      signal.addEventListener('abort', stop)
      gone.promise.catch(() => {})
      try {
        signal.throwIfAborted()
        await Promise.race([before, gone.promise])
        return leave
      } catch (error) {
        leave()
        throw error
      } finally {
        signal.removeEventListener('abort', stop)
      }
    },
  }
}
