/** Identities of a request: its id, and where it stands in a trace. */
import { randomFillSync } from 'node:crypto'

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/
const REQUEST_ID = /^[\w.:=+/-]{1,200}$/

// One call to the system's generator serves many requests.
const pool = Buffer.alloc(4096)
let used = pool.length

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += bytes
  return pool.toString('hex', used - bytes, used)
}

/** Whether the value is a W3C `traceparent` that may be kept; version 00 has exactly four fields. */
export function isTraceparent(value: string): boolean {
  return TRACEPARENT.test(value) && (!value.startsWith('00') || value.length === 55)
}

/** A new trace, marked as sampled, so that the services behind decide to record it. */
export function newTraceparent(): string {
  return `00-${randomHex(16)}-${randomHex(8)}-01`
}

/** Whether a request id from a caller is harmless enough to keep. */
export function isRequestId(value: string): boolean {
  return REQUEST_ID.test(value)
}

export function newRequestId(): string {
  const hex = randomHex(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
