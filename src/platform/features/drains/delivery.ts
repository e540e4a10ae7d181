/**
 * Sends the lines of one app, or of its copy in a space, to one drain: reads a batch, sends it until it is taken, writes
 * down how far it came. At least once: a crash between the last two sends the batch again, with the same ids.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { cursorAt, openLogCursor } from '../../../api/log-cursor.ts'
import { type LogLine, LogQuery } from '../../../api/logs.ts'
import type { Engine, Target } from '../../../engines/engine.ts'
import { type BatchLimits, inBatches } from './batches.ts'
import { type Send, SendFailure, type Taken } from './send.ts'

const LIMITS: BatchLimits = { lines: 1000, size: 1024 * 1024, linger: 500 }

export interface Pauses {
  /** Milliseconds after the first failure; doubled with each in a row. */
  first: number
  longest: number
}

export interface Progress {
  /** Null while nothing fails. */
  problem: string | null
  failingSince: Date | null
  /** When the oldest line was written that waits to be taken. */
  waitingSince: string | null
}

export interface DeliveryParts {
  /** Whose lines. */
  target: Target
  /** Lines from then on are sent, where nothing was sent before. */
  from: Date
  engine: () => Promise<Engine>
  position: () => Promise<string | null>
  send: () => Promise<Send>
  taken: (done: { position: string; sent: number; missing: number; refused: number }) => Promise<void>
  /** Told of every failure and of the first success after one. */
  changed: () => void
  now: () => Date
  pauses: Pauses
}

export interface Delivery {
  progress(): Progress
  stop(): Promise<void>
}

export function startDelivery(parts: DeliveryParts): Delivery {
  const controller = new AbortController()
  const { signal } = controller
  const progress: Progress = { problem: null, failingSince: null, waitingSince: null }
  let failures = 0

  function recovered(): void {
    failures = 0
    if (progress.problem === null) return
    progress.problem = null
    progress.failingSince = null
    parts.changed()
  }

  /** Until it succeeds or the delivery is stopped; null then. */
  async function persist<Value>(work: () => Promise<Value>): Promise<Value | null> {
    while (!signal.aborted) {
      try {
        const value = await work()
        recovered()
        return value
      } catch (error) {
        if (signal.aborted) return null
        failures++
        progress.problem = problemOf(error)
        progress.failingSince ??= parts.now()
        parts.changed()
        const longest = Math.min(parts.pauses.longest, parts.pauses.first * 2 ** Math.min(failures - 1, 20))
        const asked = error instanceof SendFailure ? error.after : null
        // Spread, so that the lines of many apps do not come back at the same moment.
        await pause(asked ?? longest * (0.75 + Math.random() / 2))
      }
    }
    return null
  }

  async function deliver(): Promise<void> {
    const kept = (await parts.position()) ?? cursorAt(parts.from.getTime())
    const cursor = openLogCursor(kept)
    const engine = await parts.engine()
    const query = LogQuery.parse({ follow: true, after: kept })
    const lines = engine.logs(parts.target, query, signal)
    const send = await parts.send()
    recovered()
    for await (const batch of inBatches(lines, LIMITS)) {
      progress.waitingSince = batch[0]!.at
      const done = await persist(() => send(batch, signal))
      if (done === null) return
      for (const line of batch) cursor.pass(line.id)
      await parts.taken({ position: cursor.text(), ...countsOf(batch, done) })
      progress.waitingSince = null
    }
  }

  async function pause(milliseconds: number): Promise<void> {
    await delay(milliseconds, undefined, { signal }).catch(() => {})
  }

  const running = (async () => {
    // A reader that ended, or an engine that is away, is asked again from the position that was written down.
    while (!signal.aborted) {
      await persist(deliver)
      await pause(parts.pauses.first)
    }
  })()

  return {
    progress: () => progress,
    async stop() {
      controller.abort()
      await running
    },
  }
}

function countsOf(batch: readonly LogLine[], { refused }: Taken) {
  const missing = batch.reduce((sum, line) => sum + (line.missing ?? 0), 0)
  return { sent: batch.length - refused, missing, refused }
}

/** Never the address: names of hosts and ports alone, as the system tells them. */
function problemOf(error: unknown): string {
  const { name, message, code } = error as Error & { code?: string }
  if (name === 'TimeoutError') return 'the receiver does not answer'
  return (message || code || String(error)).slice(0, 500)
}
