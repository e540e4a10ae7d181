/** What was observed, as people read it. Pure. */
import type { CronSpec } from '../../../api/app-spec.ts'
import type { ProcessList as ProcessListShape } from '../../../api/processes.ts'
import type {
  JobStatus,
  Observation,
  ObservedCron,
  ObservedProcess,
  UsageSample,
} from '../../../engines/engine.ts'
import type { TargetRow } from '../rollouts/index.ts'
import type { RunRow } from './store.ts'

type ProcessList = import('zod').infer<typeof ProcessListShape>
type ProcessRow = ProcessList['processes'][number]

/** `crons`: of the release that serves, told even where the engine is away. */
export function processList(
  target: Pick<TargetRow, 'app' | 'environment' | 'overrides'> & {
    plan: Pick<TargetRow['plan'], 'maintenance'>
  },
  crons: Record<string, CronSpec>,
  observation: Observation | null,
): ProcessList {
  const observed = new Map(observation?.crons.map((cron) => [cron.name, cron]))
  return {
    app: target.app,
    environment: target.environment,
    observedAt: observation?.at ?? null,
    processes: (observation?.sets ?? []).flatMap((set) => set.processes.map(asRow)).sort(byProcess),
    sets: setsOf(observation),
    crons: Object.entries(crons).map(([name, { schedule, timezone }]) => {
      const cron = observed.get(name)
      return { name, schedule, timezone, nextAt: cron?.nextAt ?? null, lastRun: cron ? lastRun(cron) : null }
    }),
    overrides: Object.entries(target.overrides).map(([process, override]) => ({ process, ...override })),
    maintenance: target.plan.maintenance ?? null,
  }
}

/** The last rule has no match: it shares what no rule before it took. */
function setsOf(observation: Observation | null): ProcessList['sets'] {
  const weights = observation?.split.at(-1)?.weights ?? {}
  const all = Object.values(weights).reduce((sum, weight) => sum + weight, 0)
  return (observation?.sets ?? [])
    .map(({ id, processes, inFlight }) => ({
      release: releaseOf(id),
      percent: all === 0 ? 0 : (100 * (weights[id] ?? 0)) / all,
      healthy: processes.filter(({ state }) => state === 'healthy').length,
      processes: processes.length,
      inFlight,
    }))
    .sort((one, other) => other.release - one.release)
}

function asRow(process: ObservedProcess): ProcessRow {
  return {
    id: process.id,
    process: process.process,
    release: releaseOf(process.set),
    state: process.state,
    startedAt: process.startedAt,
    restarts: process.restarts,
    cpuPercent: process.cpuPercent ?? null,
    memoryBytes: process.memoryBytes ?? null,
    lastExit: process.lastExit ? `${process.lastExit.reason} at ${process.lastExit.at}` : null,
    problem: process.problem
      ? [process.problem.message, process.problem.hint].filter(Boolean).join('; ')
      : null,
  }
}

/** Of `v12` the number of the release, of `mine.3` the revision in the space. */
export function releaseOf(set: string): number {
  const revision = set.indexOf('.')
  return Number.parseInt(set.slice(revision < 0 ? 1 : revision + 1), 10)
}

function byProcess(one: ProcessRow, other: ProcessRow): number {
  return other.release - one.release || one.id.localeCompare(other.id, 'en', { numeric: true })
}

function lastRun({ lastRun: run }: ObservedCron): string | null {
  if (!run) return null
  const exit = run.exit ? ` with ${run.exit}` : ''
  return `${run.state}${exit} at ${run.at}${run.reason ? `: ${run.reason}` : ''}`
}

export interface Sample {
  process: string
  at: string
  cpuPercent: number
  memoryBytes: number
}

/** CPU and memory by process and time, all instances together, oldest first. */
export function samplesOf(measured: readonly UsageSample[]): Sample[] {
  const sums = new Map<string, Sample>()
  for (const { at, process, cpuPercent, memoryBytes } of measured) {
    const key = `${at} ${process}`
    const sum = sums.get(key) ?? { process, at, cpuPercent: 0, memoryBytes: 0 }
    sum.cpuPercent += cpuPercent
    sum.memoryBytes += memoryBytes
    sums.set(key, sum)
  }
  return [...sums.values()].sort((one, other) => (one.at < other.at ? -1 : one.at > other.at ? 1 : 0))
}

export type RunEnd = Pick<RunRow, 'state' | 'exit' | 'reason'>

/**
 * How far the request to start a run has come: someone is at it, the engine has answered, it did not answer, or the
 * platform that was at it is gone.
 */
export type Start = 'under-way' | 'answered' | 'unanswered' | 'abandoned'

const WITHOUT_JOB: Record<Exclude<Start, 'under-way'>, RunEnd> = {
  answered: { state: 'unknown', exit: null, reason: 'the engine knows nothing of it any more' },
  unanswered: { state: 'unknown', exit: null, reason: 'the engine did not answer whether it started' },
  abandoned: { state: 'failed', exit: null, reason: 'it was never started: the platform stopped before' },
}

/**
 * What a look at the engine says about a run that counts as running; null while it does run. `start` is how it stood
 * before the engine was asked for the job: a look that began earlier proves nothing. A run is never started by whoever
 * finds it here, because once is all that was promised.
 */
export function judgeRun(start: Start, job: JobStatus | null): RunEnd | null {
  if (!job) return start === 'under-way' ? null : WITHOUT_JOB[start]
  if (job.state === 'running') return null
  const reason = job.reason ?? (job.signal ? `it was ended by ${job.signal}` : null)
  return { state: job.state, exit: job.exit ?? null, reason }
}
