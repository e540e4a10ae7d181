/**
 * A call repeated under the same Idempotency-Key makes no second change: it is answered with what the first one
 * answered. The row is written by `database.change` in the transaction of the change itself, so there is no moment
 * in which the one is there without the other.
 */
import { createHash } from 'node:crypto'
import { TowError } from '../../../api/errors.ts'
import type { Actor } from '../actor.ts'
import type { Database } from '../database.ts'

export interface RepeatableCall {
  key: string
  principal: string
  /** Its place in the contract, e.g. `releases.rollback`. */
  operation: string
  input: unknown
}

export interface Replays {
  /** Runs the call once per key; `perform` gets the actor to change under. */
  once(call: RepeatableCall, perform: (actor: Actor) => Promise<unknown>): Promise<unknown>
  /** Forgets answers older than a day. Answers with how many. */
  collect(): Promise<number>
}

const KEPT_HOURS = 24

export function createReplays({ database, now }: { database: Database; now: () => Date }): Replays {
  const underWay = new Map<string, { fingerprint: string; answer: Promise<unknown> }>()

  async function find(call: RepeatableCall, request: string): Promise<{ answer: unknown } | null> {
    const row = await database.db
      .selectFrom('idempotency')
      .select(['operation', 'request', 'answer'])
      .where('principal', '=', call.principal)
      .where('key', '=', call.key)
      .executeTakeFirst()
    if (!row) return null
    if (row.operation !== call.operation || row.request !== request) throw usedOtherwise(call.key)
    return { answer: row.answer }
  }

  async function perform(
    call: RepeatableCall,
    request: string,
    work: (actor: Actor) => Promise<unknown>,
  ): Promise<unknown> {
    const earlier = await find(call, request)
    if (earlier) return earlier.answer
    try {
      return await work({
        name: call.principal,
        once: { key: call.key, operation: call.operation, request },
      })
    } catch (error) {
      // A twin on another connection, or another platform process, committed first: ours was rolled back whole.
      const twin = isTwin(error) ? await find(call, request) : null
      if (twin) return twin.answer
      throw error
    }
  }

  return {
    async once(call, work) {
      const request = fingerprint(call.input)
      const id = `${call.principal}\n${call.key}`
      const same = `${call.operation} ${request}`
      const twin = underWay.get(id)
      if (twin) {
        if (twin.fingerprint !== same) throw usedOtherwise(call.key)
        return twin.answer
      }
      const answer = perform(call, request, work)
      underWay.set(id, { fingerprint: same, answer })
      try {
        return await answer
      } finally {
        underWay.delete(id)
      }
    },
    async collect() {
      const result = await database.db
        .deleteFrom('idempotency')
        .where('at', '<', new Date(now().getTime() - KEPT_HOURS * 3_600_000))
        .executeTakeFirst()
      return Number(result.numDeletedRows)
    },
  }
}

/** The header's value, checked; undefined where the caller sent none. */
export function readKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  const key = Array.isArray(header) ? header.join(', ') : header
  if (/^[\x21-\x7e]{8,128}$/.test(key)) return key
  throw new TowError(
    'BAD_INPUT',
    `the Idempotency-Key ${JSON.stringify(key.slice(0, 40))} is not accepted: it has 8 to 128 printable characters and no space`,
    { hint: 'use a random UUID' },
  )
}

function usedOtherwise(key: string): TowError {
  return new TowError('CONFLICT', `the Idempotency-Key ${key} was already used for another request`, {
    hint: 'make a new key for every new request',
  })
}

function isTwin(error: unknown): boolean {
  const { code, constraint } = error as { code?: string; constraint?: string }
  return code === '23505' && constraint === 'idempotency_pkey'
}

/** SHA-256 over the input with sorted keys: the same request, however it was written down. */
function fingerprint(input: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(input)) ?? '')
    .digest('hex')
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}
