/** What is remembered of the places that processes come and go in: failures in a row, the last end, its reason. */
import type { SlotMemory, TargetStore } from './memory.ts'
import { CRASH_LOOP_FAILURES } from './plan.ts'
import type { DesiredSet, LastExit, Problem } from './shapes.ts'
import { crashLoop, memoryProblem } from './words.ts'

export interface Failure {
  id: string
  /** For sentences, e.g. `web.1`. */
  name: string
  lastExit: LastExit
  /** What was wrong with it while it lived. */
  problem: Problem | null
  lastLines: string[]
  /** Set when it ended for memory. */
  memoryMegabytes: number | null
  /** Long enough that what came before no longer counts. */
  ranWell: boolean
  at: number
}

export interface Slots {
  all(): ReadonlyMap<string, SlotMemory>
  /** It ended because it was told to. */
  left(key: string, id: string, lastExit: LastExit): void
  failed(key: string, failure: Failure): void
  notStarted(key: string, id: string, problem: Problem, at: number): void
  /** A new wish gives a failed place a fresh try; places of sets that are gone are dropped. */
  keepOnly(sets: DesiredSet[]): void
}

export function openSlots(store: Pick<TargetStore, 'loadSlots' | 'saveSlots'>): Slots {
  const slots = store.loadSlots()
  const at = (key: string): SlotMemory => slots.get(key) ?? { failures: 0, endedAt: 0, restarts: 0 }
  const put = (key: string, slot: SlotMemory) => {
    slots.set(key, slot)
    try {
      store.saveSlots(slots)
    } catch {
      // A full disk costs the count of restarts after the next restart of the runner, and nothing now.
    }
  }

  return {
    all: () => slots,
    left: (key, id, lastExit) => put(key, { ...at(key), lastExit, lastId: id, endedAt: 0 }),
    failed(key, failure) {
      const { restarts, failures } = at(key)
      const inARow = failure.ranWell ? 1 : failures + 1
      const problem = problemOf(failure, inARow)
      put(key, {
        failures: inARow,
        endedAt: failure.at,
        restarts: restarts + 1,
        lastExit: failure.lastExit,
        lastId: failure.id,
        ...(problem ? { problem } : {}),
      })
    },
    notStarted(key, id, problem, now) {
      const slot = at(key)
      put(key, { ...slot, failures: slot.failures + 1, endedAt: now, problem, lastId: id })
    },
    keepOnly(sets) {
      const ids = new Set(sets.map((set) => set.id))
      for (const [key, slot] of slots) {
        if (!ids.has(key.slice(0, key.indexOf('/')))) slots.delete(key)
        else slots.set(key, { ...slot, failures: Math.min(slot.failures, 1) })
      }
      store.saveSlots(slots)
    },
  }
}

function problemOf(failure: Failure, inARow: number): Problem | null {
  const { name, lastExit, lastLines } = failure
  if (failure.memoryMegabytes !== null) return memoryProblem(name, failure.memoryMegabytes, lastLines)
  if (failure.problem) return failure.problem
  return inARow >= CRASH_LOOP_FAILURES ? crashLoop(name, inARow, lastExit, lastLines) : null
}
