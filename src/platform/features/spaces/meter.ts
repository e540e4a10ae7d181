/** What an app in a space has asked for while it was awake. Pure. */
import type { RunSpec } from '../../../api/app-spec.ts'

export interface Meter {
  /** What it asks for now; nothing while it sleeps. */
  cpuMillis: number
  memoryMegabytes: number
  /** Since when, in milliseconds. */
  since: number
  /** Of all before that. */
  cpuHours: number
  memoryGigabyteHours: number
}

const HOUR = 3_600_000

/** Before anything ran. */
export const emptyMeter = (now: number): Meter => ({
  ...{ cpuMillis: 0, memoryMegabytes: 0, since: now },
  ...{ cpuHours: 0, memoryGigabyteHours: 0 },
})

export function read(meter: Meter, now: number): { cpuHours: number; memoryGigabyteHours: number } {
  const hours = Math.max(0, now - meter.since) / HOUR
  return {
    cpuHours: meter.cpuHours + (hours * meter.cpuMillis) / 1000,
    memoryGigabyteHours: meter.memoryGigabyteHours + (hours * meter.memoryMegabytes) / 1024,
  }
}

/** The meter from now on, with what these counts ask for; a process that says nothing asks for nothing. */
export function turn(
  meter: Meter,
  now: number,
  run: Pick<RunSpec, 'processes'>,
  counts: Record<string, number>,
): Meter {
  const sum = (of: 'cpuMillis' | 'memoryMegabytes') =>
    Object.entries(run.processes).reduce(
      (total, [name, spec]) => total + (spec[of] ?? 0) * (counts[name] ?? 0),
      0,
    )
  return {
    ...read(meter, now),
    cpuMillis: sum('cpuMillis'),
    memoryMegabytes: sum('memoryMegabytes'),
    since: now,
  }
}
