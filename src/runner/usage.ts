/** Measures every process at intervals, and says which use more memory than they may. */
import { proportionalMemory, type Usage, usageBySession } from './processes.ts'

export interface Measured {
  id: string
  cpuPercent: number
  memoryBytes: number
}

export interface Meter {
  /** `leaders`: process id of the session's leader by instance id. */
  measure(leaders: ReadonlyMap<string, number>): Promise<Measured[]>
}

/** CPU is what was used since the last measurement, in percent of one core. */
export function createMeter(now: () => number): Meter {
  let last = new Map<string, { at: number; cpu: number; percent: number }>()
  return {
    async measure(leaders) {
      if (leaders.size === 0) {
        last = new Map()
        return []
      }
      const sessions = await usageBySession()
      const at = now()
      const next: typeof last = new Map()
      const measured: Measured[] = []
      for (const [id, leader] of leaders) {
        const usage: Usage | undefined = sessions.get(leader)
        if (!usage) continue
        const before = last.get(id)
        const elapsed = before ? at - before.at : 0
        // A child that ended takes its share with it: never below zero.
        const percent = elapsed > 0 ? Math.max(0, ((usage.cpuMilliseconds - before!.cpu) / elapsed) * 100) : 0
        next.set(id, { at, cpu: usage.cpuMilliseconds, percent })
        measured.push({
          id,
          cpuPercent: Math.round(percent * 10) / 10,
          memoryBytes: await proportionalMemory(usage),
        })
      }
      last = next
      return measured
    },
  }
}
