/** The state of an app in an environment, from rows and what an engine just said. Pure. */
import type { Origin } from '../../../api/app-spec.ts'
import type { AppInEnvironment } from '../../../api/apps.ts'
import type { Observation, ObservedProcess } from '../../../engines/engine.ts'

/** What the platform wants of an app in an environment, and the release behind it. */
export interface Wanted {
  app: string
  environment: string
  generation: number
  /** The release that serves. */
  live: number | null
  /** The release whose rollout is under way. */
  rolling: number | null
  /** Counts of what serves, by process; none where nothing does. */
  counts: Record<string, number>
  release: {
    artifact: string
    origin: Origin
    by: string
    liveAt: Date | null
  } | null
  /** How the newest rollout ended, where it did not succeed. */
  failed: string | null
  /** The newest. */
  rollout: AppInEnvironment['rollout']
}

/** What an engine answered, or why it did not. */
export type Seen = { observation: Observation | null } | { away: string }

/** A place whose code another environment is ahead of. */
export interface Lag {
  app: string
  environment: string
  artifact: string
  before: { environment: string; release: number }
}

/** Where the environment before serves another artifact; `all` in the order of the pipeline. */
export function lagging(all: readonly Wanted[]): Lag[] {
  const before = new Map<string, Wanted>()
  const found: Lag[] = []
  for (const one of all) {
    if (!one.release || one.live === null) continue
    const { app, environment, release } = one
    const ahead = before.get(app)
    before.set(app, one)
    if (!ahead || ahead.release?.artifact === release.artifact) continue
    const { environment: there, live } = ahead
    found.push({
      ...{ app, environment, artifact: release.artifact },
      before: { environment: there, release: live! },
    })
  }
  return found
}

export function appInEnvironment(
  wanted: Wanted,
  seen: Seen,
  behind: AppInEnvironment['behind'] = null,
): AppInEnvironment {
  const observation = 'observation' in seen ? seen.observation : null
  const judged = judge(wanted, seen)
  return {
    environment: wanted.environment,
    release: wanted.live,
    artifact: wanted.release?.artifact ?? null,
    commit: wanted.release?.origin.commit ?? null,
    state: judged.state,
    reason: judged.reason,
    releasedAt: wanted.release?.liveAt?.toISOString() ?? null,
    releasedBy: wanted.release?.by ?? null,
    processes: Object.fromEntries(
      Object.entries(wanted.counts).map(([name, count]) => [
        name,
        { wanted: count, healthy: healthyOf(observation, wanted.live, name) },
      ]),
    ),
    urls: observation?.addresses.public ?? [],
    observedAt: observation?.at ?? null,
    rollout: wanted.rollout,
    behind,
  }
}

function judge(wanted: Wanted, seen: Seen): { state: AppInEnvironment['state']; reason: string | null } {
  if ('away' in seen && (wanted.live !== null || wanted.rolling !== null)) {
    return { state: 'away', reason: `the engine of ${wanted.environment} does not answer: ${seen.away}` }
  }
  if (wanted.rolling !== null) return { state: 'rolling-out', reason: `v${wanted.rolling} is rolling out` }
  if (wanted.live === null) return { state: 'none', reason: wanted.failed }
  const observation = 'observation' in seen ? seen.observation : null
  if (!observation) return { state: 'down', reason: 'the engine does not know of it' }
  if (observation.generation !== wanted.generation) {
    return { state: 'degraded', reason: 'the engine is still taking over the last change' }
  }
  const short = Object.entries(wanted.counts).filter(
    ([name, count]) => healthyOf(observation, wanted.live, name) < count,
  )
  const whole = observation.problems?.[0]?.message
  if (short.length === 0) {
    return whole ? { state: 'degraded', reason: whole } : { state: 'healthy', reason: null }
  }
  const isServing = short.every(([name]) => healthyOf(observation, wanted.live, name) > 0)
  const words = short.map(
    ([name, count]) => `${healthyOf(observation, wanted.live, name)} of ${count} ${name} healthy`,
  )
  const problem = problemOf(observation, wanted.live)
  const reason = [words.join(', '), problem ?? whole].filter(Boolean).join(': ')
  return { state: isServing ? 'degraded' : 'down', reason }
}

function healthyOf(observation: Observation | null, live: number | null, name: string): number {
  return processesOf(observation, live).filter((one) => one.process === name && one.state === 'healthy')
    .length
}

/** The first thing that is wrong with the set that serves. */
function problemOf(observation: Observation | null, live: number | null): string | null {
  const set = observation?.sets.find((one) => one.id === `v${live}`)
  const process = processesOf(observation, live).find((one) => one.problem)
  const exit = processesOf(observation, live).find((one) => one.state !== 'healthy' && one.lastExit)
  return set?.problem?.message ?? process?.problem?.message ?? exit?.lastExit?.reason ?? null
}

function processesOf(observation: Observation | null, live: number | null): ObservedProcess[] {
  return observation?.sets.find((one) => one.id === `v${live}`)?.processes ?? []
}
