/**
 * The reconcile loop: rows say what is owed, a wake or a tick looks, and one pass handles what it finds. Nothing is
 * queued in memory: after any crash the next pass reads the same rows.
 */
export interface Loop {
  /** Looks soon; many wakes in a row make one more pass. */
  wake(): void
  /** Resolves when the pass under way is over; none starts after it. */
  stop(): Promise<void>
}

export interface LoopOptions {
  /** Does everything that is owed now. A throw is reported and tried again at the next tick. */
  pass: (signal: AbortSignal) => Promise<void>
  /** Milliseconds between passes when nobody wakes it. */
  interval: number
  onError: (error: unknown) => void
}

export function startLoop({ pass, interval, onError }: LoopOptions): Loop {
  const controller = new AbortController()
  let owed = true
  let running: Promise<void> | null = null
  let timer: NodeJS.Timeout | null = null

  async function run(): Promise<void> {
    while (owed && !controller.signal.aborted) {
      owed = false
      try {
        await pass(controller.signal)
      } catch (error) {
        if (!controller.signal.aborted) onError(error)
      }
    }
  }

  function look() {
    if (timer) clearTimeout(timer)
    if (running || controller.signal.aborted) return
    running = run().finally(() => {
      running = null
      if (owed) look()
      else timer = setTimeout(tick, interval)
    })
  }

  function tick() {
    owed = true
    look()
  }

  look()
  return {
    wake: tick,
    async stop() {
      controller.abort()
      if (timer) clearTimeout(timer)
      await running
    },
  }
}
