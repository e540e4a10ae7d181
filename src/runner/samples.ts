/** CPU and memory of every process: ten-second values of the last hour in memory, minutes of 24 hours on disk. */
import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import type { UsageSample } from './shapes.ts'
import { iso } from './words.ts'

export interface Reading {
  instance: string
  process: string
  set: string
  cpuPercent: number
  memoryBytes: number
}

export interface Samples {
  add(at: number, readings: Reading[]): void
  /** Oldest first; fine values where they are known, minutes before them. */
  read(since: number): UsageSample[]
  remove(): void
}

const FINE_SECONDS = 10
const FINE_KEPT = 3_600_000
const COARSE_SECONDS = 60
const COARSE_KEPT = 24 * 3_600_000

export function openSamples(folder: string): Samples {
  let fine: UsageSample[] = []
  let minute: { start: number; readings: Reading[] } | null = null

  function closeMinute(at: number): void {
    if (!minute) return
    const means = averages(minute.readings)
    const rows = means.map((one) => JSON.stringify({ at: iso(at), seconds: COARSE_SECONDS, ...one }))
    minute = null
    if (rows.length === 0) return
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      appendFileSync(`${folder}/${iso(at).slice(0, 13)}.ndjson`, `${rows.join('\n')}\n`, { mode: 0o600 })
      const oldest = iso(at - COARSE_KEPT).slice(0, 13)
      for (const name of readdirSync(folder)) if (name.slice(0, 13) < oldest) rmSync(`${folder}/${name}`)
    } catch {
      // Figures are worth less than the app: a full disk costs a gap.
    }
  }

  return {
    add(at, readings) {
      fine = fine.filter((sample) => Date.parse(sample.at) > at - FINE_KEPT)
      fine.push(...readings.map((reading) => ({ at: iso(at), seconds: FINE_SECONDS, ...reading })))
      if (minute && at - minute.start >= COARSE_SECONDS * 1000) closeMinute(at)
      minute ??= { start: at, readings: [] }
      minute.readings.push(...readings)
    },
    read(since) {
      const firstFine = fine[0] ? Date.parse(fine[0].at) : Number.POSITIVE_INFINITY
      const names = listNames(folder)
      const coarse = names.flatMap((name) =>
        readFileSync(`${folder}/${name}`, 'utf8')
          .split('\n')
          .flatMap((row) => parseSample(row))
          .filter((sample) => Date.parse(sample.at) < firstFine),
      )
      return [...coarse, ...fine].filter((sample) => Date.parse(sample.at) >= since)
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function averages(readings: Reading[]): Reading[] {
  const groups = Map.groupBy(readings, (reading) => reading.instance)
  return [...groups.values()].map((group) => ({
    ...group[0]!,
    cpuPercent: Math.round((group.reduce((sum, one) => sum + one.cpuPercent, 0) / group.length) * 10) / 10,
    memoryBytes: Math.round(group.reduce((sum, one) => sum + one.memoryBytes, 0) / group.length),
  }))
}

function listNames(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

function parseSample(row: string): UsageSample[] {
  try {
    return [JSON.parse(row) as UsageSample]
  } catch {
    return []
  }
}
