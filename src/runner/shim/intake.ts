/**
 * From an app's output to its log, by the app's policy: what comes faster than may be kept either waits (`block`: the
 * app's writes are held up) or is passed over and counted (`drop`). Both are said in the log itself.
 */
import { createBudget } from './budget.ts'
import { createLineCutter } from './lines.ts'
import type { SegmentWriter } from './segments.ts'
import type { LogPolicy } from './spec.ts'

export interface Intake {
  take(stream: 'o' | 'e', chunk: Buffer): void
  /** The output has ended. Answers how many lines are missing without being told in the log. */
  end(): number
}

export interface IntakeParts {
  log: SegmentWriter
  /** Null keeps everything, as fast as it comes. */
  policy: LogPolicy | null
  /** Stops and starts reading the app's output. */
  pause(): void
  resume(): void
  /** Milliseconds, never going back. */
  now(): number
}

/** Once dropping, this share of the burst has to be free again: lines are kept in runs, not one here and one there. */
const RUN_SHARE = 1 / 4
const SHORTEST_PAUSE = 5
const TELL_AFTER = 1000
const WAITING_TOLD_EVERY = 60_000

export function openIntake({ log, policy, pause, resume, now }: IntakeParts): Intake {
  const cutters = { o: createLineCutter(), e: createLineCutter() }
  const budget = policy === null ? null : createBudget(policy, now)
  const rate = policy === null ? '' : `${Math.round(policy.bytesPerSecond / 104_857.6) / 10} MiB/s`
  let dropping = false
  let telling: NodeJS.Timeout | null = null
  let waitingToldAt = Number.NEGATIVE_INFINITY

  function keep(stream: 'o' | 'e', chunk: Buffer): void {
    const lines = cutters[stream].push(chunk)
    countSkipped(stream)
    log.append(stream, lines)
  }

  function countSkipped(stream: 'o' | 'e'): void {
    const why = `it wrote faster than ${rate}, and its policy is logs: drop`
    log.miss(cutters[stream].takeSkipped(), why)
  }

  function takeOrDrop(stream: 'o' | 'e', chunk: Buffer): void {
    const credit = budget!.credit()
    dropping = dropping ? credit < policy!.burstBytes * RUN_SHARE : credit <= 0
    if (!dropping) {
      budget!.spend(chunk.length)
      keep(stream, chunk)
      return
    }
    cutters[stream].skip(chunk)
    countSkipped(stream)
    telling ??= setTimeout(() => {
      telling = null
      log.tellMissing()
    }, TELL_AFTER)
  }

  function takeAndWait(stream: 'o' | 'e', chunk: Buffer): void {
    keep(stream, chunk)
    budget!.spend(chunk.length)
    if (budget!.credit() > 0) return
    if (now() - waitingToldAt > WAITING_TOLD_EVERY) {
      waitingToldAt = now()
      log.append('p', [`it writes faster than ${rate} and waits for its log: its policy is logs: block`])
    }
    pause()
    setTimeout(resume, Math.max(SHORTEST_PAUSE, budget!.until(0)))
  }

  return {
    take: policy === null ? keep : policy.kind === 'drop' ? takeOrDrop : takeAndWait,
    end() {
      if (telling) clearTimeout(telling)
      for (const stream of ['o', 'e'] as const) {
        const lines = cutters[stream].rest()
        countSkipped(stream)
        log.append(stream, lines)
      }
      log.tellMissing()
      return log.missing()
    },
  }
}
