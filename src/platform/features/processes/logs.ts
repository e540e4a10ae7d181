/** Log lines as the engine keeps them; a follower goes on where it was when the engine comes back. */
import { type LogCursor, openLogCursor } from '../../../api/log-cursor.ts'
import type { LogLine, LogQuery } from '../../../api/logs.ts'
import type { Engine, Target } from '../../../engines/engine.ts'

const RETRY_MS = 500

/** Every line once, with where to go on after it, until the signal or the end. */
export async function* followLogs(
  engineOf: () => Promise<Engine>,
  target: Target,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<{ line: LogLine; cursor: LogCursor }> {
  const cursor = openLogCursor(query.after)
  for (;;) {
    const after = cursor.text()
    try {
      const engine = await engineOf()
      for await (const line of engine.logs(target, after === '' ? query : { ...query, after }, signal)) {
        cursor.pass(line.id)
        yield { line, cursor }
      }
      return
    } catch (error) {
      if (signal.aborted) return
      // Before the first line it is the person's to know; later the follower waits for the engine.
      if (!query.follow || cursor.text() === '') throw error
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
