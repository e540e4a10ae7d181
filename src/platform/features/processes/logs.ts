/** Log lines as the engine keeps them; a follower goes on where it was when the engine comes back. */
import type { LogLine, LogQuery } from '../../../api/logs.ts'
import type { Engine, Target } from '../../../engines/engine.ts'

const RETRY_MS = 500
const ALL_LINES = 100_000

/** Every line once, until the signal, or until there are no more where nobody follows. */
export async function* followLogs(
  engineOf: () => Promise<Engine>,
  target: Target,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  let after = query.after
  for (;;) {
    try {
      const asked = after === undefined ? query : { ...query, after, lines: ALL_LINES }
      const engine = await engineOf()
      for await (const line of engine.logs(target, asked, signal)) {
        yield line
        after = line.id
      }
      if (!query.follow || signal.aborted) return
    } catch (error) {
      if (signal.aborted) return
      // Before the first line it is the person's to know; later the follower waits for the engine.
      if (!query.follow || after === undefined) throw error
    }
    await pause(RETRY_MS, signal)
    if (signal.aborted) return
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, milliseconds)
    signal.addEventListener('abort', end)
  })
}
