/** What went wrong between here and the platform, as the one error of the house. */
import { ErrorEvent } from '@orpc/client'
import { ORPCError } from '@orpc/contract'
import { ERROR_CODES, type ErrorCode, TowError } from '../api/errors.ts'

/** Refused: nothing listens there. Lost: the connection broke, and nobody knows whether the request was carried out. */
export type NetworkFailure = 'refused' | 'lost'

const REFUSED = new Set(['ECONNREFUSED', 'ENOENT', 'ENOTFOUND', 'EADDRNOTAVAIL'])
/** What fetch itself says, in Node and in browsers, where it names no better reason. */
const FETCH_FAILED = /^(fetch failed|terminated|Failed to fetch|Load failed|NetworkError)/
const BROKEN = /^(E[A-Z]+|UND_ERR_\w+)$/

/** Null where the platform itself answered with a failure, or the caller cancelled. */
export function networkFailure(error: unknown): NetworkFailure | null {
  if (error instanceof TowError || error instanceof ORPCError || error instanceof ErrorEvent) return null
  let failure: NetworkFailure | null = null
  for (const cause of causes(error)) {
    const code = (cause as { code?: unknown }).code
    if (cause.name === 'AbortError') return null
    if (typeof code === 'string' && REFUSED.has(code)) return 'refused'
    if (FETCH_FAILED.test(cause.message) || (typeof code === 'string' && BROKEN.test(code))) failure = 'lost'
  }
  return failure
}

function* causes(error: unknown): Generator<Error> {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 6; depth += 1) {
    yield cause
    cause = cause instanceof AggregateError ? cause.errors[0] : cause.cause
  }
}

/** From the body of a failed answer; null where it is none of ours. */
export function ofBody(body: unknown, status: number): TowError | null {
  const { code, message, hint } = (body ?? {}) as Record<string, unknown>
  if (typeof code !== 'string' || typeof message !== 'string') return null
  const known = code in ERROR_CODES ? (code as ErrorCode) : codeOfStatus(status)
  return new TowError(known, message, { hint: typeof hint === 'string' ? hint : undefined })
}

function codeOfStatus(status: number): ErrorCode {
  const match = Object.entries(ERROR_CODES).find(([, value]) => value.status === status)
  return (match?.[0] as ErrorCode | undefined) ?? 'INTERNAL'
}

export function toTowError(error: unknown, url: string, signal?: AbortSignal): TowError {
  if (error instanceof TowError) return error
  if (signal?.aborted) return new TowError('CANCELLED', 'cancelled', { cause: error })
  if (error instanceof ErrorEvent) {
    const told = ofBody(error.data, 500)
    if (told) return told
  }
  if (error instanceof ORPCError) {
    return error.cause instanceof TowError ? error.cause : notUnderstood(url, error)
  }
  if (networkFailure(error)) {
    return new TowError('UNAVAILABLE', `the platform at ${url} does not answer`, {
      hint: 'tow up',
      cause: error,
    })
  }
  return notUnderstood(url, error)
}

function notUnderstood(url: string, cause: unknown): TowError {
  return new TowError('INTERNAL', `the answer of ${url} can’t be understood`, {
    hint: 'compare tow --version with tow status: the command and the platform may be of different versions',
    cause,
  })
}
