/** Recognises early that a new set will not come up: a crash loop, a layout that failed, a boot that takes too long. */
import type { ObservedProcess, Problem } from '../../../engines/engine.ts'
import { tookTooLong, withRelease } from './messages.ts'
import { healthy, processesOf, sinceCaughtUp } from './observed.ts'
import { plannedCounts } from './plan.ts'
import { type Facts, type ReleaseFacts, setId } from './state.ts'

/** Beyond the process's own time to boot: for laying out files and for the engine to report. */
export const BOOT_MARGIN_SECONDS = 15
const MANY_RESTARTS = 3
const HOPELESS = new Set(['crash-loop', 'layout-failed', 'runtime-missing'])

/** The first reason to give up on the set of `release`, or null. Only meaningful for fresh facts. */
export function recognise(facts: Facts, release: ReleaseFacts): Problem | null {
  const set = facts.observation?.sets.find((candidate) => candidate.id === setId(release.number))
  if (set?.problem) return withRelease(release.number, null, set.problem)
  const planned = plannedCounts(facts.target.plan, release.number)
  const processes = processesOf(facts.observation, release.number)
  for (const process of processes) {
    if ((planned[process.process] ?? 0) === 0 || process.state === 'stopping') continue
    const spec = release.run.processes[process.process]
    if (isHopeless(process) || (spec && isOverdue(facts, process, spec.bootSeconds))) {
      return withRelease(release.number, process.process, process.problem ?? unexplained(process))
    }
  }
  for (const [name, count] of Object.entries(planned)) {
    const limit = bootLimit(release, name)
    if (healthy(facts.observation, release.number, name) >= count || sinceCaughtUp(facts) <= limit) continue
    const late = processes.find((process) => process.process === name && process.state !== 'healthy')
    return withRelease(release.number, name, late?.problem ?? tookTooLong(limit / 1000))
  }
  return null
}

/** Milliseconds that a process of the release may take until it is healthy. */
export function bootLimit(release: ReleaseFacts, name: string): number {
  return ((release.run.processes[name]?.bootSeconds ?? 0) + BOOT_MARGIN_SECONDS) * 1000
}

/** The longest of its processes. */
export function longestBoot(release: ReleaseFacts | null): number {
  if (!release) return BOOT_MARGIN_SECONDS * 1000
  return Math.max(
    BOOT_MARGIN_SECONDS * 1000,
    ...Object.keys(release.run.processes).map((name) => bootLimit(release, name)),
  )
}

function isHopeless(process: ObservedProcess): boolean {
  if (process.state === 'healthy') return false
  return (
    process.state === 'crashed' ||
    process.restarts >= MANY_RESTARTS ||
    (process.problem !== undefined && HOPELESS.has(process.problem.code))
  )
}

/** Its time is up by the engine's own clock, and the engine says what is wrong. */
function isOverdue(facts: Facts, process: ObservedProcess, bootSeconds: number): boolean {
  if (process.state === 'healthy' || !process.problem || !facts.observation) return false
  return Date.parse(facts.observation.at) - Date.parse(process.startedAt) >= bootSeconds * 1000
}

function unexplained(process: ObservedProcess): Problem {
  return {
    code: 'crash-loop',
    message: process.lastExit
      ? `it keeps ending: ${process.lastExit.reason}`
      : 'it keeps ending before it is healthy',
  }
}
