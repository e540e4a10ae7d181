/** Live sets follow somebody's files: their commands start anew in place, while the process that leads them lives on. */
import { setTimeout as delay } from 'node:timers/promises'
import { checkHealth } from './health.ts'
import type { Running } from './launcher.ts'
import type { Live } from './live.ts'
import type { DesiredSet, Restarted } from './shapes.ts'

/** Whoever saved a file is told after this at the latest; shorter than a call to the runner may take. */
const COMING_UP = 25_000

/**
 * Starts the commands of the set anew, as far as they don't reload by themselves; one that has ended starts again in any
 * case. `begun` is told when all of them have begun: who asks from then on is let through to them.
 */
export async function restartInPlace(
  lives: readonly Live[],
  { id, live: follows }: DesiredSet,
  begun: () => void,
): Promise<Restarted> {
  const due = lives
    .map(({ running }) => running)
    .filter(({ record }) => record.set === id)
    .filter(({ record, state }) => !follows?.reloading.includes(record.process) || state()?.ended)
  await Promise.all(due.map((running) => running.restart()))
  begun()
  const cameUp = await Promise.all(due.map(comesUp))
  const named = (isUp: boolean) => [
    ...new Set(due.filter((_, at) => cameUp[at] === isUp).map(({ record }) => record.process)),
  ]
  return { restarted: named(true), ended: named(false) }
}

/** Settles once it listens, with false where it ended instead. Without a port, to live is enough; so it is after a time. */
async function comesUp({ record: { port }, state }: Running): Promise<boolean> {
  for (const until = performance.now() + COMING_UP; performance.now() < until; await delay(3)) {
    if (state()?.ended) return false
    if (port === null || (await checkHealth(port, undefined, AbortSignal.timeout(COMING_UP))).ok) return true
  }
  return true
}
