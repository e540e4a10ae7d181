/** Plays its share of the schedules, and stops at the first few that break something. */
import { parentPort, workerData } from 'node:worker_threads'
import { playInMemory } from './replay.ts'
import { scheduleOf } from './schedule.ts'

export interface Order {
  seed: number
  step: number
  /** The first seed that is no more played. */
  end: number
}

export interface Found {
  seed: number
  violations: string[]
}

const ENOUGH = 3

const { seed, step, end } = workerData as Order
const found: Found[] = []
for (let next = seed; next < end && found.length < ENOUGH; next += step) {
  const { violations } = await playInMemory(scheduleOf(next))
  if (violations.length > 0) found.push({ seed: next, violations })
}
parentPort?.postMessage(found)
