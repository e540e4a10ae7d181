/**
 * Who was wrong how often, kept with the rest of the state: a restart gives nobody new attempts. A fixed number of
 * slots, by digest: whatever names are made up, there are never more rows, and who is unknown waits like who is known.
 */
import { createHash } from 'node:crypto'
import type { Clock } from '../../kernel/clock.ts'
import type { Queries } from '../../kernel/database.ts'
import { addressBlock } from '../../kernel/http/address.ts'
import { refusals } from './messages.ts'
import { type Attempts, afterAttempt, afterSuccess, LIMITS, type LimitKind, waitOf } from './rules.ts'
import { turnAttempts } from './store.ts'

const SLOTS = 65_536

export interface Attempt {
  /** Where the request came from. */
  address: string
  /** Not known where a code is spent. */
  person?: string
}

export interface Limits {
  /**
   * Counts the attempt, looks whether it is right, and takes the count back where it is. Throws TOO_MANY, without
   * looking, where the person or the address has to wait.
   */
  attempt<T>(attempt: Attempt, look: () => Promise<T>): Promise<T>
}

export function createLimits({ db, clock }: { db: Queries; clock: Clock }): Limits {
  async function count(kind: LimitKind, subject: string): Promise<void> {
    let wait = 0
    await turnAttempts(db, kind, slotOf(subject), (before) => {
      wait = waitOf(before, clock.now())
      return wait > 0 ? null : afterAttempt(before, clock.now(), LIMITS[kind])
    })
    if (wait > 0) throw refusals.tooMany(Math.ceil(wait / 1000))
  }

  const takeBack = (kind: LimitKind, subject: string) =>
    turnAttempts(db, kind, slotOf(subject), (before: Attempts | null) =>
      before ? afterSuccess(before, clock.now()) : null,
    )

  return {
    async attempt({ address, person }, look) {
      const block = addressBlock(address)
      const subjects: [LimitKind, string][] = [['address', block]]
      if (person !== undefined) subjects.push(['person', person.toLowerCase()])
      for (const [kind, subject] of subjects) await count(kind, subject)
      const found = await look()
      for (const [kind, subject] of subjects) await takeBack(kind, subject)
      return found
    },
  }
}

const slotOf = (subject: string) => createHash('sha256').update(subject).digest().readUInt32BE() % SLOTS
