/** How long things last, and how often somebody may be wrong. Pure. */
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Milliseconds. */
export const LASTS = {
  /** A token of `tow login`. */
  token: 90 * DAY,
  invitation: 7 * DAY,
  /** Of a code that signs one browser in. */
  browserCode: MINUTE,
  session: 7 * DAY,
  idleSession: 12 * HOUR,
} as const

export interface Limit {
  /** Failures that cost nothing yet. */
  free: number
  /** Milliseconds of the first wait; each further failure doubles it. */
  firstWait: number
  longestWait: number
  /** After this long without a failure they are forgotten. */
  forgottenAfter: number
}

/** Wrong passwords of one person; wrong passwords and codes from one address. */
export const LIMITS = {
  person: { free: 5, firstWait: 30_000, longestWait: 15 * MINUTE, forgottenAfter: HOUR },
  address: { free: 20, firstWait: 30_000, longestWait: 15 * MINUTE, forgottenAfter: HOUR },
} as const satisfies Record<string, Limit>
export type LimitKind = keyof typeof LIMITS

export interface Attempts {
  failures: number
  last: Date
  /** No attempt is looked at before. */
  until: Date
}

/** Milliseconds to wait; 0: go on. */
export function waitOf(attempts: Attempts | null, now: Date): number {
  return attempts ? Math.max(0, attempts.until.getTime() - now.getTime()) : 0
}

/** Counted before the password is looked at, so that many at once gain nothing. */
export function afterAttempt(before: Attempts | null, now: Date, limit: Limit): Attempts {
  const isOld = !before || now.getTime() - before.last.getTime() >= limit.forgottenAfter
  const failures = (isOld ? 0 : before.failures) + 1
  const beyond = failures - limit.free
  const wait = beyond < 0 ? 0 : Math.min(limit.firstWait * 2 ** beyond, limit.longestWait)
  return { failures, last: now, until: new Date(now.getTime() + wait) }
}

/** It was right after all: as if it had not been counted. */
export function afterSuccess({ failures, last }: Attempts, now: Date): Attempts {
  return { failures: Math.max(0, failures - 1), last, until: now }
}

export function isOver(
  { expires_at, last_used_at }: { expires_at: Date; last_used_at: Date },
  now: Date,
): boolean {
  return expires_at <= now || now.getTime() - last_used_at.getTime() >= LASTS.idleSession
}

/** `Ada’s MacBook.local` becomes `ada-s-macbook-local-7f3a`; random, since one machine may sign in twice. */
export function tokenNameOf(label: string, random: string): string {
  const plain = label
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '')
  return `${plain || 'cli'}-${random}`
}
