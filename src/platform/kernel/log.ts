/** The platform's own log: what it did on its own account, and failures nobody expected. Facts hold no secret. */
export type Facts = Record<string, string | number | boolean | null | undefined>

export interface Log {
  info(message: string, facts?: Facts): void
  warn(message: string, facts?: Facts): void
  /** With the stack of the error, but never with the row or the parameters that a database error carries. */
  error(message: string, error: unknown, facts?: Facts): void
}

export interface LogEntry {
  at: string
  level: 'info' | 'warn' | 'error'
  message: string
  error?: string
  [fact: string]: unknown
}

export function createLog(write: (entry: LogEntry) => void, now: () => Date = () => new Date()): Log {
  const entry = (level: LogEntry['level'], message: string, facts: Facts = {}): LogEntry => ({
    at: now().toISOString(),
    level,
    message,
    ...facts,
  })
  return {
    info: (message, facts) => write(entry('info', message, facts)),
    warn: (message, facts) => write(entry('warn', message, facts)),
    error: (message, error, facts) =>
      write({ ...entry('error', message, facts), error: describeError(error) }),
  }
}

/** The stack, and the stacks of its causes. */
function describeError(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? error.message
  return error.cause === undefined || depth > 4
    ? own
    : `${own}\ncaused by ${describeError(error.cause, depth + 1)}`
}
