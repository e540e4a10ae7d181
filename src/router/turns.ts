/**
 * Whose bytes move now. Large bodies are copied piece by piece on the one thread that also accepts, reads and answers
 * everybody else; so all of them together may move so much in one turn of the loop, and wait for the next in the order
 * in which they came.
 */
import type { Readable } from 'node:stream'

/** Below 2 ms of copying, and enough that a single transfer never waits for a turn that nobody else wants. */
const TURN_BYTES = 1024 ** 2
/** What Node reads from a socket at a time. */
const PIECE_BYTES = 64 * 1024
/** An event, a message, a small answer: goes at once, whoever else waits. */
const SMALL_BYTES = 4 * 1024

export interface Turns {
  /** Counts a piece that moved; where the turn is spent, what it came from pauses until it has its turn again. */
  moved(from: Readable, bytes: number): void
  /** Lets something that was paused go on, at once or in its turn. */
  resume(from: Readable): void
}

export function createTurns(): Turns {
  const waiting = new Set<Readable>()
  let left = TURN_BYTES
  let isCounting = false

  function begin() {
    isCounting = false
    left = TURN_BYTES
    let places = TURN_BYTES / PIECE_BYTES
    for (const from of waiting) {
      if (places-- === 0) break
      waiting.delete(from)
      from.resume()
    }
    if (waiting.size > 0) count()
  }

  function count() {
    if (isCounting) return
    isCounting = true
    setImmediate(begin)
  }

  /** Whoever moves while others wait goes behind them. */
  const isFree = () => left > 0 && waiting.size === 0

  function wait(from: Readable) {
    waiting.add(from)
    count()
  }

  return {
    moved(from, bytes) {
      if (bytes <= SMALL_BYTES) return
      left -= bytes
      count()
      if (isFree() || from.isPaused()) return
      from.pause()
      wait(from)
    },
    resume(from) {
      if (isFree()) from.resume()
      else wait(from)
    },
  }
}
