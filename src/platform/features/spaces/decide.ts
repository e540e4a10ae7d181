/**
 * What becomes of one app of a space after a look at it: awake, asleep, given back, live, failed. Decided from facts
 * alone; what follows is written in one change, and the engine is told afterwards. Pure.
 */
import type { JobStatus, Observation, ObservedProcess } from '../../../engines/engine.ts'
import { said } from './messages.ts'
import { turn } from './meter.ts'
import { countsNow, IDLE_MS, isAttached, setOf } from './rules.ts'
import type { Report, SpaceAppRow } from './store.ts'

export interface Facts {
  now: number
  row: SpaceAppRow
  /** Null: the engine did not answer. */
  observation: Observation | null
  /** The release command, where it is owed. */
  job: JobStatus | null
  /** Why the engine does not take what it was told over. */
  refused: { message: string; hint?: string | undefined } | null
}

export interface Step {
  set: Partial<SpaceAppRow>
  events: { kind: string; message: string }[]
}

/** Written at most this often. */
const ASKED_EVERY = 60_000

/** What changes; null where nothing does. */
export function decide(facts: Facts): Step | null {
  const { now, row, observation } = facts
  const set: Partial<SpaceAppRow> = {}
  const events: Step['events'] = []
  const demand = observation?.demand
  const asked = demand?.lastAskedAt ? Date.parse(demand.lastAskedAt) : null

  if (asked !== null && asked - (row.asked_at?.getTime() ?? 0) > ASKED_EVERY) set.asked_at = new Date(asked)
  if (row.attached_until !== null && !isAttached(row, now))
    Object.assign(set, { attached_by: null, attached_until: null })
  if (row.swap_until !== null && row.swap_until.getTime() <= now) {
    Object.assign(set, { swap_by: null, swap_since: null, swap_until: null, generation: row.generation + 1 })
    events.push({ kind: 'space.swap-ended', message: said.swapEnded(row, row.swap_by ?? '') })
  }
  if (row.wanted === 'asleep' && (demand?.waiting ?? 0) > 0) {
    change(facts, set, 'running', { phase: 'starting', message: said.waking, hint: null, lastLines: [] })
    events.push({ kind: 'space.woke', message: said.woke(row) })
  } else if (row.wanted === 'running' && isIdle(facts, asked)) {
    change(facts, set, 'asleep', row.report)
    events.push({ kind: 'space.slept', message: said.slept(row, IDLE_MS / 60_000) })
  } else if (row.wanted === 'running') {
    const report = reportOf(facts)
    if (report && !isSame(report, row.report)) {
      set.report = report
      const isOver = report.phase !== row.report.phase && report.phase !== 'starting'
      if (isOver) {
        const message = report.phase === 'live' ? said.live(row) : said.failed(row, report.message)
        events.push({ kind: `space.app-${report.phase}`, message })
      }
    }
    if (row.command === 'owed' && facts.job) {
      if (facts.job.state === 'succeeded')
        Object.assign(set, { command: 'done', generation: row.generation + 1 })
      else if (facts.job.state !== 'running') set.command = 'failed'
    }
  }
  return Object.keys(set).length > 0 ? { set, events } : null
}

function change(
  { now, row }: Facts,
  set: Partial<SpaceAppRow>,
  wanted: 'running' | 'asleep',
  report: Report,
) {
  Object.assign(set, { wanted, report, generation: row.generation + 1 })
  set.meter = turn(row.meter, now, row.run, countsNow({ counts: row.counts, wanted }))
  if (wanted === 'running') set.awake_at = new Date(now)
}

function isIdle(facts: Facts, asked: number | null): boolean {
  const at = sleepsAt(facts, asked)
  return at !== null && facts.now >= at
}

/** When it sleeps unless somebody asks before; null where it stays awake. `asked`: when somebody last did. */
export function sleepsAt(
  { now, row, observation }: Pick<Facts, 'now' | 'row' | 'observation'>,
  asked: number | null,
): number | null {
  const demand = observation?.demand
  // Where the router does not count, nobody can tell.
  if (!demand || demand.waiting > 0 || row.swap_until !== null) return null
  if (isAttached(row, now) || row.command === 'owed') return null
  // Without a door nobody can ever wake it.
  if ((row.counts.web ?? 0) === 0) return null
  // A router that was started anew has counted nothing yet: what was written down before counts too.
  return Math.max(asked ?? 0, row.asked_at?.getTime() ?? 0, row.awake_at.getTime()) + IDLE_MS
}

function reportOf({ now, row, observation, job, refused }: Facts): Report | null {
  if (row.command !== 'none' && row.command !== 'done')
    return refused && job === null ? failed(refused) : commandReport(row, job)
  if (!observation || observation.generation < row.generation) return refused ? failed(refused) : null
  const set = observation.sets.find(({ id }) => id === setOf(row))
  const problem = set?.problem ?? observation.problems?.[0]
  if (problem) return failed(problem)
  const processes = (set?.processes ?? []).filter(({ state }) => state !== 'stopping')
  const broken = processes.find((one) => one.state === 'crashed' || isFailing(one))
  if (broken) return failed(broken.problem ?? { message: said.crashed(row, broken) })
  const missing = Object.entries(row.counts).filter(
    ([name, count]) =>
      processes.filter((one) => one.process === name && one.state === 'healthy').length < count,
  )
  if (missing.length === 0)
    return isLedTo(row, observation)
      ? { phase: 'live', message: said.isLive, hint: null, lastLines: [] }
      : { phase: 'starting', message: said.isBeingLed, hint: null, lastLines: [] }
  // One that was live and restarts is starting; one that never came up in its time has failed.
  const late = missing.find(
    ([name]) => now - row.awake_at.getTime() > (row.run.processes[name]?.bootSeconds ?? 60) * 1500,
  )
  if (late && row.report.phase !== 'live' && !row.live)
    return failed({ message: said.late(late[0], row.run.processes[late[0]]?.bootSeconds ?? 60) })
  return { phase: 'starting', message: said.starts(missing.map(([name]) => name)), hint: null, lastLines: [] }
}

/** The engine says that requests go there, and not only that they are to. */
const isLedTo = (row: SpaceAppRow, { split }: Observation): boolean =>
  (row.counts.web ?? 0) === 0 || split.some(({ weights }) => (weights[setOf(row)] ?? 0) > 0)

const isFailing = ({ state, problem }: ObservedProcess): boolean =>
  problem !== undefined && (state === 'waiting' || state === 'unhealthy' || state === 'starting')

function commandReport(row: SpaceAppRow, job: JobStatus | null): Report {
  if (row.command === 'failed')
    return row.report.phase === 'failed' ? row.report : failed({ message: said.commandFailed(null) })
  if (job === null || job.state === 'running' || job.state === 'succeeded')
    return { phase: 'starting', message: said.command, hint: null, lastLines: [] }
  return failed({ message: said.commandFailed(job.reason ?? null), lastLines: job.lastLines ?? [] })
}

function failed(problem: { message: string; hint?: string | undefined; lastLines?: string[] }): Report {
  const { message, hint = null, lastLines = [] } = problem
  return { phase: 'failed', message, hint, lastLines }
}

const isSame = (one: Report, other: Report): boolean =>
  one.phase === other.phase &&
  one.message === other.message &&
  one.lastLines.join() === other.lastLines.join()
