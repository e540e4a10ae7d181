/** Collections, and those who need that nothing is collected: whoever holds waits for the collection under way. */

export interface Turns {
  /** Runs once nobody holds; those who want to hold wait for its end. */
  alone<T>(work: () => Promise<T>): Promise<T>
  /** Answers how to let go. */
  hold(): Promise<() => void>
}

export function createTurns(): Turns {
  let last: Promise<unknown> = Promise.resolve()
  const holders = new Set<Promise<void>>()
  return {
    alone(work) {
      const before = [last, ...holders]
      const run = Promise.allSettled(before).then(work)
      last = run.catch(() => {})
      return run
    },
    async hold() {
      let letGo = () => {}
      const held = new Promise<void>((resolve) => {
        letGo = resolve
      })
      holders.add(held)
      held.finally(() => holders.delete(held))
      await last
      return letGo
    },
  }
}
