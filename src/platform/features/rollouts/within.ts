import { TowError } from '../../../api/errors.ts'

/** The promise's outcome, or a failure when time is up or the signal is aborted; the work itself is left to end. */
export async function within<Result>(
  work: Promise<Result>,
  milliseconds: number,
  signal: AbortSignal,
  message: string,
): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>()
  const refuse = () => reject(new TowError('UNAVAILABLE', message))
  const timer = setTimeout(refuse, milliseconds)
  signal.addEventListener('abort', refuse, { once: true })
  if (signal.aborted) refuse()
  // Whoever loses the race must not end the process as an unhandled rejection.
  promise.catch(() => {})
  work.catch(() => {})
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', refuse)
  }
}
