/** Starts what is due on a schedule, never twice at once, and tells what was missed while nobody was here. */
import { Cron } from 'croner'
import { readJson, writeWhole } from './durable.ts'
import type { Jobs } from './jobs.ts'
import type { CronRun, DesiredCron, DesiredSet, ObservedCron } from './shapes.ts'
import { iso } from './words.ts'

interface CronMemory {
  schedule: string
  timezone: string
  nextAt: number | null
  /** Newest last. */
  runs: (CronRun & { key?: string })[]
}

export interface Crons {
  /** Takes over what is asked for; crons that are gone are forgotten. */
  update(crons: DesiredCron[], sets: DesiredSet[]): void
  observe(): ObservedCron[]
  history(): Record<string, CronRun[]>
  close(): void
}

interface CronParts {
  file: string
  jobs: Jobs
  now: () => number
  say: (about: { release: number; process: string }, text: string) => void
  changed: () => void
}

const KEPT_RUNS = 50
/** Later than this, a start was missed rather than late. */
const MISSED_AFTER = 60_000
/** Timers drift over sleep and clock changes, so the clock is looked at this often. */
const LOOK_EVERY = 15_000
/** What vixie-cron, too, takes for a correction of the clock rather than for a change of the hour. */
const SET_BACK = 3 * 3600_000

/** The next time after `after`, milliseconds since the epoch; null when there is none. Throws for a bad schedule. */
export function nextTime(schedule: string, timezone: string, after: number): number | null {
  return new Cron(schedule, { timezone, paused: true }).nextRun(new Date(after))?.getTime() ?? null
}

/**
 * The next time that was worked out earlier, or a new one where it lies too far ahead: the clock was set back by hours,
 * so it was wrong before. After a smaller step back the times that had their run already are let pass.
 */
export function nextAfterStep(
  schedule: string,
  timezone: string,
  kept: number | null,
  now: number,
): number | null {
  const next = nextTime(schedule, timezone, now)
  return kept === null || (next !== null && kept - next > SET_BACK) ? next : kept
}

/** How many times lay between; counted up to 1000. */
export function timesBetween(schedule: string, timezone: string, first: number, until: number): number {
  let count = 0
  let at: number | null = first
  while (at !== null && at <= until && count < 1000) {
    count++
    at = nextTime(schedule, timezone, at)
  }
  return count
}

export function createCrons(parts: CronParts): Crons {
  const memory = new Map<string, CronMemory>(
    Object.entries(readJson<Record<string, CronMemory>>(parts.file) ?? {}),
  )
  let crons: DesiredCron[] = []
  let sets: DesiredSet[] = []
  let timer: NodeJS.Timeout | null = null
  let closed = false
  const save = () => {
    if (!closed) writeWhole(parts.file, JSON.stringify(Object.fromEntries(memory)))
  }

  function look(): void {
    if (timer) clearTimeout(timer)
    const now = parts.now()
    for (const cron of crons) {
      const kept = memory.get(cron.name)!
      kept.nextAt = nextAfterStep(cron.schedule, cron.timezone, kept.nextAt, now)
      if (kept.nextAt !== null && kept.nextAt <= now) {
        const due = kept.nextAt
        kept.nextAt = nextTime(cron.schedule, cron.timezone, now)
        save()
        if (now - due > MISSED_AFTER) missed(cron, kept, due, now)
        else void start(cron, kept, due)
      }
    }
    const next = Math.min(...crons.map((cron) => memory.get(cron.name)!.nextAt ?? Number.POSITIVE_INFINITY))
    if (crons.length > 0 && !closed)
      timer = setTimeout(look, Math.max(1, Math.min(LOOK_EVERY, next - now))).unref()
  }

  function missed(cron: DesiredCron, kept: CronMemory, due: number, now: number): void {
    const count = timesBetween(cron.schedule, cron.timezone, due, now)
    const reason = `missed ${count === 1 ? 'a run' : `${count} runs`} since ${iso(due)}, because the runner was not there or the clock was set forward; not run late`
    note(cron, kept, { at: iso(due), state: 'missed', reason })
  }

  async function start(cron: DesiredCron, kept: CronMemory, due: number): Promise<void> {
    if (kept.runs.some((run) => run.state === 'running')) {
      note(cron, kept, { at: iso(due), state: 'skipped', reason: 'the run before it is still going on' })
      return
    }
    const set = sets.find((one) => one.id === cron.set)
    if (!set) {
      note(cron, kept, { at: iso(due), state: 'skipped', reason: `its set ${cron.set} is not here` })
      return
    }
    const key = `cron ${cron.name} ${iso(due)}`
    const run: CronRun & { key?: string } = { at: iso(due), state: 'running', key }
    kept.runs.push(run)
    save()
    parts.changed()
    const { id, release, workspace, env, path, artifact } = set
    try {
      await parts.jobs.run(
        {
          key,
          set: { id, release, workspace, env, path, artifact },
          command: cron.command,
          process: cron.name,
        },
        { graceSeconds: cron.graceSeconds },
      )
      await awaitEnd(run, key)
    } catch (error) {
      Object.assign(run, { state: 'failed', reason: (error as Error).message })
    }
    kept.runs.splice(0, kept.runs.length - KEPT_RUNS)
    save()
    parts.changed()
  }

  async function awaitEnd(run: CronRun, key: string): Promise<void> {
    const { state, exit, reason } = await parts.jobs.ended(key)
    Object.assign(run, {
      state,
      ...(exit === undefined ? {} : { exit }),
      ...(reason === undefined ? {} : { reason }),
    })
  }

  function note(cron: DesiredCron, kept: CronMemory, run: CronRun): void {
    kept.runs.push(run)
    kept.runs.splice(0, kept.runs.length - KEPT_RUNS)
    save()
    const release = sets.find((one) => one.id === cron.set)?.release ?? 0
    parts.say({ release, process: cron.name }, `the run of ${run.at} was ${run.state}: ${run.reason}`)
    parts.changed()
  }

  /** Runs that an earlier runner started: they are adopted, or they ended meanwhile. */
  function resume(kept: CronMemory): void {
    for (const run of kept.runs.filter((one) => one.state === 'running' && one.key)) {
      awaitEnd(run, run.key!)
        .catch(() => Object.assign(run, { state: 'unknown' }))
        .finally(() => {
          save()
          parts.changed()
        })
    }
  }
  const resumed = new Set<string>()

  return {
    update(nextCrons, nextSets) {
      crons = nextCrons
      sets = nextSets
      for (const cron of crons) {
        const kept = memory.get(cron.name)
        const same = kept?.schedule === cron.schedule && kept.timezone === cron.timezone
        if (!resumed.has(cron.name) && kept) resume(kept)
        resumed.add(cron.name)
        if (same) continue
        const { schedule, timezone } = cron
        const nextAt = nextTime(schedule, timezone, parts.now())
        memory.set(cron.name, { schedule, timezone, nextAt, runs: kept?.runs ?? [] })
      }
      for (const name of memory.keys()) {
        if (!crons.some((cron) => cron.name === name)) memory.delete(name)
      }
      if (crons.length > 0 || memory.size > 0) save()
      look()
    },
    observe: () =>
      crons.map((cron) => {
        const kept = memory.get(cron.name)!
        const last = kept.runs.at(-1)
        return {
          name: cron.name,
          set: cron.set,
          nextAt: kept.nextAt === null ? null : iso(kept.nextAt),
          ...(last ? { lastRun: withoutKey(last) } : {}),
        }
      }),
    history: () => Object.fromEntries([...memory].map(([name, kept]) => [name, kept.runs.map(withoutKey)])),
    close() {
      closed = true
      if (timer) clearTimeout(timer)
    },
  }
}

function withoutKey({ key: _, ...run }: CronRun & { key?: string }): CronRun {
  return run
}
