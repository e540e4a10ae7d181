/**
 * Every failure that a person may meet. `status` is what HTTP answers, `exit` what the command ends with.
 * A code that is not here does not exist: unknown failures become INTERNAL with a request id.
 */
export const ERROR_CODES = {
  BAD_INPUT: { status: 400, exit: 1 },
  USAGE: { status: 400, exit: 2 },
  UNAUTHENTICATED: { status: 401, exit: 1 },
  FORBIDDEN: { status: 403, exit: 1 },
  NOT_FOUND: { status: 404, exit: 1 },
  CONFLICT: { status: 409, exit: 1 },
  TOO_LARGE: { status: 413, exit: 1 },
  REFUSED: { status: 422, exit: 1 },
  FAILED: { status: 422, exit: 1 },
  TOO_MANY: { status: 429, exit: 1 },
  CANCELLED: { status: 499, exit: 130 },
  INTERNAL: { status: 500, exit: 1 },
  UNSUPPORTED: { status: 501, exit: 1 },
  UNAVAILABLE: { status: 503, exit: 1 },
  DISK_FULL: { status: 507, exit: 1 },
} as const satisfies Record<string, { status: number; exit: number }>

export type ErrorCode = keyof typeof ERROR_CODES

/**
 * The one error of the house. `message` is one clear sentence that names the thing and the value;
 * `hint` is what mends it, a command where there is one.
 */
export class TowError extends Error {
  readonly code: ErrorCode
  readonly hint: string | undefined
  /** When it is worth trying again. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: { hint?: string | undefined; cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'TowError'
    this.code = code
    this.hint = options.hint
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}
