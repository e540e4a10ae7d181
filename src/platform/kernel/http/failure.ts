/**
 * From whatever was thrown to what a caller reads: `{ code, message, hint?, requestId }` and a status. What nobody
 * expected tells nothing of the inside, only the request id under which the log has it.
 */
import { ORPCError, ValidationError } from '@orpc/server'
import { ERROR_CODES, type ErrorCode, TowError } from '../../../api/errors.ts'
import { describeIssues } from './issues.ts'

export interface FailureBody {
  code: ErrorCode
  message: string
  hint?: string
  requestId: string
}

/** Whether the log needs its stack: true for what nobody expected. */
export function isUnexpected(error: TowError): boolean {
  return error.code === 'INTERNAL'
}

export function failureBody(error: TowError, requestId: string): FailureBody {
  return {
    code: error.code,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
    requestId,
  }
}

/** The same failure as oRPC carries it; on the wire it is the body alone. */
export function wireError(error: TowError, requestId: string): ORPCError<string, unknown> {
  const body = failureBody(error, requestId)
  const wire = new ORPCError<string, unknown>(error.code, {
    status: ERROR_CODES[error.code].status,
    message: error.message,
    cause: error,
  })
  return Object.assign(wire, { toJSON: () => body })
}

/** Everything becomes a TowError. */
export function toTowError(error: unknown, requestId: string): TowError {
  if (error instanceof TowError) return error
  if (error instanceof ORPCError) {
    if (error.cause instanceof TowError) return error.cause
    if (error.code === 'BAD_REQUEST') return badInput(error)
    return internal(error.cause ?? error, requestId)
  }
  return ofDatabase(error) ?? ofSystem(error) ?? ofFastify(error) ?? internal(error, requestId)
}

function badInput(error: ORPCError<string, unknown>): TowError {
  const cause = error.cause
  if (cause instanceof ValidationError) {
    return new TowError('BAD_INPUT', describeIssues(cause.issues, cause.data))
  }
  return new TowError('BAD_INPUT', 'the request can’t be read: its body must be JSON', { cause: error })
}

const DATABASE_AWAY = new Set(['57P01', '57P02', '57P03', '08000', '08003', '08006', '53300'])

/** What the driver says of a connection that broke while it was in use; it gives that no code. */
const CONNECTION_LOST = /^Connection terminated|^Client .*not queryable$/

function ofDatabase(error: unknown): TowError | null {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown }
  if (code === '53100') return diskFull(error)
  const isLost = typeof message === 'string' && CONNECTION_LOST.test(message)
  if (!isLost && (typeof code !== 'string' || !DATABASE_AWAY.has(code))) return null
  return new TowError('UNAVAILABLE', 'the database is not there at the moment', {
    hint: 'tow status',
    cause: error,
  })
}

function ofSystem(error: unknown): TowError | null {
  const { code, syscall } = (error ?? {}) as { code?: unknown; syscall?: unknown }
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(error)
  if (syscall === 'connect' || code === 'ECONNRESET') {
    return new TowError('UNAVAILABLE', 'a part of the platform does not answer at the moment', {
      hint: 'tow status',
      cause: error,
    })
  }
  return null
}

function diskFull(cause: unknown): TowError {
  return new TowError('DISK_FULL', 'no space is left on the disk that holds the platform’s data', {
    hint: 'free some space, then look at tow doctor',
    cause,
  })
}

function ofFastify(error: unknown): TowError | null {
  const { code, statusCode } = (error ?? {}) as { code?: unknown; statusCode?: unknown }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new TowError('TOO_LARGE', 'the request’s body is larger than this operation takes', {
      cause: error,
    })
  }
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode >= 500) return null
  const reason = error instanceof Error ? error.message : 'it is malformed'
  return new TowError('BAD_INPUT', `the request can’t be read: ${reason}`, { cause: error })
}

function internal(cause: unknown, requestId: string): TowError {
  return new TowError('INTERNAL', `the platform met an error of its own (request ${requestId})`, {
    hint: 'tow doctor; the platform’s log has the details under this request id',
    cause,
  })
}
