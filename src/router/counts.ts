/** What one set did since the router started; only ever grows, so that two readings subtract. */
export interface SetCounts {
  requests: number
  /** Answers with a status of 500 and above, and those that the router had to make because the set gave none. */
  errors: number
  /** Requests whose client left first. */
  cancelled: number
  bytesIn: number
  bytesOut: number
  /** Sum over all requests that are over. */
  durationMs: number
  /** How many took at most `DURATION_BUCKETS_MS[i]`; the last entry holds the rest. */
  durations: number[]
}

export const DURATION_BUCKETS_MS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 60_000]

/** One request that is over. */
export interface RequestRecord {
  at: number
  service: string | null
  set: string | null
  endpoint: string | null
  door: 'edge' | 'inside'
  space: string | null
  method: string
  path: string
  /** What the client got; 499 where it left first. */
  status: number
  /** Why the router itself answered, e.g. `refused`, `timeout`, `nothing-serves`. */
  reason: string | null
  durationMs: number
  bytesIn: number
  bytesOut: number
  requestId: string
  traceparent: string
  upgraded: boolean
}

export function emptyCounts(): SetCounts {
  const durations = new Array<number>(DURATION_BUCKETS_MS.length + 1).fill(0)
  return { requests: 0, errors: 0, cancelled: 0, bytesIn: 0, bytesOut: 0, durationMs: 0, durations }
}

/** Adds one finished request to the counts of its set, in place. */
export function addToCounts(counts: SetCounts, record: RequestRecord): void {
  counts.requests++
  if (record.status === 499) counts.cancelled++
  else if (record.status >= 500) counts.errors++
  counts.bytesIn += record.bytesIn
  counts.bytesOut += record.bytesOut
  counts.durationMs += record.durationMs
  let bucket = 0
  while (bucket < DURATION_BUCKETS_MS.length && record.durationMs > DURATION_BUCKETS_MS[bucket]!) bucket++
  counts.durations[bucket]!++
}
