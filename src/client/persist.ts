/** Goes on after a lost connection: calls are repeated, streams resumed. A platform that was never there is not waited for. */
import { getEventMeta } from '@orpc/client'
import { networkFailure } from './failure.ts'

interface Limits {
  /** Milliseconds. */
  patience: number
  signal: AbortSignal | undefined
}

const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1000

/**
 * Tries again until the patience is over. "Refused" counts as final at the first try (no platform runs) and as passing
 * afterwards (it is being started again).
 */
export async function persist<T>(
  attempt: () => Promise<T>,
  { patience, signal }: Limits,
  wasThere = false,
): Promise<T> {
  const until = Date.now() + patience
  for (let pause = FIRST_PAUSE, met = wasThere; ; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    try {
      return await attempt()
    } catch (error) {
      const failure = networkFailure(error)
      met ||= failure === 'lost'
      if (!failure || !met || signal?.aborted || Date.now() + pause > until) throw error
    }
    await sleep(pause, signal)
  }
}

/** One stream out of many connections. Events that carry an id are never told twice. */
export async function* resume(
  first: AsyncIterable<unknown>,
  attempt: (lastEventId: string | undefined) => Promise<unknown>,
  { toError, ...limits }: Limits & { toError: (error: unknown) => Error },
): AsyncGenerator<unknown> {
  let lastEventId: string | undefined
  let stream = first
  while (true) {
    try {
      for await (const event of stream) {
        lastEventId = getEventMeta(event)?.id ?? lastEventId
        yield event
      }
      return
    } catch (error) {
      if (limits.signal?.aborted || !networkFailure(error)) throw toError(error)
    }
    try {
      stream = (await persist(() => attempt(lastEventId), limits, true)) as AsyncIterable<unknown>
    } catch (error) {
      throw toError(error)
    }
  }
}

export function isStream(output: unknown): output is AsyncIterable<unknown> {
  return typeof output === 'object' && output !== null && Symbol.asyncIterator in output
}

function sleep(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal?.addEventListener('abort', done)
  })
}
