/**
 * From whatever was thrown to what a caller reads: `{ code, message, hint?, requestId }` and a status. What nobody
 * expected tells nothing of the inside, only the request id under which the log has it.
 */
import { ORPCError, ValidationError } from '@orpc/server'
import { ERROR_CODES, type ErrorCode, TowError } from '../../../api/errors.ts'
import { outageOf } from '../outages.ts'
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
    return outageOf(error.cause) ?? internal(error.cause ?? error, requestId)
  }
  return outageOf(error) ?? ofFastify(error) ?? internal(error, requestId)
}

function badInput(error: ORPCError<string, unknown>): TowError {
  const cause = error.cause
  if (cause instanceof ValidationError) {
    return new TowError('BAD_INPUT', describeIssues(cause.issues, cause.data))
  }
  return new TowError('BAD_INPUT', 'the request can’t be read: its body must be JSON', { cause: error })
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
