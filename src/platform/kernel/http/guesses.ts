/**
 * Tokens that nobody gave out, by address. A token can't be guessed (256 random bits); this keeps somebody who tries
 * from filling the log and the database's time. In memory, in a fixed number of slots. A token that is right is never
 * asked to wait, whoever else shares the address.
 */
import { createHash } from 'node:crypto'
import { TowError } from '../../../api/errors.ts'
import { addressBlock } from './address.ts'

const SLOTS = 4096
const FREE = 60
const WINDOW_MILLISECONDS = 60_000

/** Throws TOO_MANY once an address was wrong too often within a minute. */
export function createGuesses(now: () => Date): (address: string) => void {
  const counts = new Uint32Array(SLOTS)
  const ends = new Float64Array(SLOTS)
  return (address) => {
    const slot = createHash('sha256').update(addressBlock(address)).digest().readUInt32BE() % SLOTS
    const time = now().getTime()
    if (time >= ends[slot]!) {
      counts[slot] = 0
      ends[slot] = time + WINDOW_MILLISECONDS
    }
    counts[slot]! += 1
    if (counts[slot]! <= FREE) return
    throw new TowError(
      'TOO_MANY',
      'too many requests from this address carried a token that nobody gave out',
      {
        retryAfterSeconds: Math.max(1, Math.ceil((ends[slot]! - time) / 1000)),
        hint: 'tow login',
      },
    )
  }
}
