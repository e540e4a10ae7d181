/** The chain of facts behind the state of an app, and the one sentence that answers. Pure. */

import type { AppInEnvironment } from '../../../api/apps.ts'
import type { Domain } from '../../../api/domains.ts'
import type { ReleaseSummary } from '../../../api/releases.ts'
import type { Rollout } from '../../../api/rollouts.ts'
import type { Observation } from '../../../engines/engine.ts'

export interface WhyFacts {
  app: string
  environment: string
  /** The environment before it in the pipeline. */
  before: string | null
  /** As `tow apps` shows it; null where the app was never there. */
  state: AppInEnvironment | null
  /** Newest first. */
  releases: readonly ReleaseSummary[]
  /** Newest first. */
  rollouts: readonly Rollout[]
  /** What people changed without a rollout failing or ending: config, counts, restarts. Newest first. */
  changes: readonly { at: string; message: string }[]
  observation: Observation | null
  /** Names of its own that ask for somebody. */
  domains: readonly Pick<Domain, 'host' | 'findings'>[]
  overrides: readonly { process: string; count: number; by: string; at: string; reason: string | null }[]
}

export interface Answer {
  environment: string
  answer: string
  facts: { at: string | null; text: string; lines: string[] }[]
  next: string[]
}

const OVER = new Set(['live', 'failed', 'aborted', 'superseded'])
const MOST_FACTS = 14

export function explain(facts: WhyFacts): Answer {
  const { environment } = facts
  const { answer, next } = conclude(facts)
  return { environment, answer, facts: chain(facts), next }
}

function conclude(facts: WhyFacts): { answer: string; next: string[] } {
  const { app, environment, state, rollouts, overrides, before } = facts
  const where = `-a ${app} -e ${environment}`
  if (!state || (state.state === 'none' && rollouts.length === 0)) {
    return {
      answer: `${app} was never released to ${environment}`,
      next: before === null ? [`tow ship ${where}`] : [`tow promote ${app} --to ${environment}`],
    }
  }
  if (state.state === 'away') {
    return {
      answer: `what runs of ${app} in ${environment} is not known: ${state.reason}`,
      next: ['tow doctor', 'tow status'],
    }
  }
  const current = rollouts.find((rollout) => !OVER.has(rollout.phase))
  if (current) return underWay(current, facts)
  const failed = rollouts.find((rollout) => rollout.phase === 'failed')
  const isLast = failed !== undefined && failed === rollouts[0]
  if (state.release === null) {
    const reason = rollouts[0] ? `: ${rollouts[0].message}` : ''
    return {
      answer: `nothing of ${app} runs in ${environment}${reason}`,
      next: [...(isLast ? [`tow logs ${where}`, `tow rollout retry ${failed.id}`] : []), `tow ship ${where}`],
    }
  }
  const live = `v${state.release} of ${app} serves in ${environment}`
  if (state.state === 'down' || state.state === 'degraded') {
    const how = state.state === 'down' ? 'is down' : 'is degraded'
    return {
      answer: `${app} ${how} in ${environment}: ${state.reason ?? 'the engine does not say why'}`,
      next: [`tow logs ${where}`, `tow rollback ${where}`, `tow restart ${where}`],
    }
  }
  const stopped = overrides.find((override) => override.process === 'web' && override.count === 0)
  if (stopped) {
    return {
      answer: `${live} with no web process: ${stopped.by} scaled it to 0${stopped.reason ? ` (${stopped.reason})` : ''}`,
      next: [`tow scale web=1 ${where}`],
    }
  }
  if (isLast) {
    // Some messages begin with the release themselves.
    const begin = `v${failed.release}: `
    const reason = failed.message.startsWith(begin) ? failed.message.slice(begin.length) : failed.message
    return {
      answer: `${live}, and not v${failed.release}: ${reason}`,
      next: [
        ...(failed.hint ? [failed.hint] : []),
        `tow logs ${where}`,
        `tow releases diff v${state.release} v${failed.release} ${where}`,
        `tow rollout retry ${failed.id}`,
      ],
    }
  }
  const [domain] = facts.domains
  if (domain) {
    return {
      answer: `${live} and is healthy, and ${domain.host} asks for somebody: ${domain.findings[0]?.message}`,
      next: [`tow domains ${where}`],
    }
  }
  return { answer: `${live} and is healthy`, next: [`tow ps ${where}`, `tow releases ${where}`] }
}

function underWay(rollout: Rollout, { app, environment }: WhyFacts): { answer: string; next: string[] } {
  const verb = rollout.phase === 'asking' ? 'waits for a person' : 'is rolling out'
  return {
    answer: `v${rollout.release} of ${app} ${verb} in ${environment}: ${rollout.message}`,
    next:
      rollout.phase === 'asking'
        ? [`tow rollout retry ${rollout.id}`, `tow rollout abort ${rollout.id}`]
        : [`tow logs -a ${app} -e ${environment} -f`, `tow rollout abort ${rollout.id}`],
  }
}

type Fact = Answer['facts'][number]

/** Oldest first: how it came to be as it is. */
function chain(facts: WhyFacts): Fact[] {
  const { state, releases, rollouts, changes, overrides } = facts
  const live = releases.find((release) => release.number === state?.release)
  const since = live?.liveAt ?? ''
  const told = [
    ...(live ? [fact(live.liveAt, `v${live.number} went live: ${live.description}, by ${live.by}`)] : []),
    ...changes.filter((change) => change.at >= since).map((change) => fact(change.at, change.message)),
    ...releases
      .filter((release) => release.number > (live?.number ?? 0))
      .map((release) =>
        fact(release.createdAt, `v${release.number} was made: ${release.description}, by ${release.by}`),
      ),
    ...rollouts
      .filter((rollout) => rollout.phase !== 'live' && rollout.startedAt >= since)
      .map((rollout) => fact(rollout.endedAt ?? rollout.startedAt, ended(rollout), rollout.lastLines)),
    ...overrides.map(({ process, count, by, at, reason }) =>
      fact(at, `${process} is held at ${count} by hand, by ${by}${reason ? `: ${reason}` : ''}`),
    ),
  ]
  const sorted = told.sort((one, other) => (one.at ?? '').localeCompare(other.at ?? ''))
  const named = facts.domains.flatMap(({ host, findings }) =>
    findings.map(({ message, hint }) => fact(null, `${host}: ${message}`, hint?.split('\n'))),
  )
  return [...sorted.slice(-MOST_FACTS), ...seen(facts), ...named]
}

function ended(rollout: Rollout): string {
  const phase = OVER.has(rollout.phase) ? rollout.phase : `is ${rollout.phase}`
  return `the rollout of v${rollout.release} ${phase}: ${rollout.message}`
}

/** What the engine says last, with the words of what is wrong. */
function seen({ observation, state }: WhyFacts): Fact[] {
  if (!observation || !state) return []
  const counts = Object.entries(state.processes).map(
    ([name, { wanted, healthy }]) => `${healthy} of ${wanted} ${name} healthy`,
  )
  const problems = observation.sets.flatMap((set) => [
    ...(set.problem ? [fact(null, `${set.id}: ${set.problem.message}`, set.problem.lastLines)] : []),
    ...set.processes.flatMap(({ id, problem, lastExit, state: now }) =>
      problem
        ? [fact(null, `${id} of ${set.id}: ${problem.message}`, problem.lastLines)]
        : lastExit && now !== 'healthy'
          ? [fact(lastExit.at, `${id} of ${set.id}: ${lastExit.reason}`)]
          : [],
    ),
  ])
  const whole = (observation.problems ?? []).map((problem) => fact(null, problem.message, problem.lastLines))
  const told = counts.length > 0 ? [fact(observation.at, `the engine saw ${counts.join(', ')}`)] : []
  return [...told, ...whole, ...problems.slice(0, 5)]
}

function fact(at: string | null, text: string, lines: readonly string[] = []): Fact {
  return { at, text, lines: [...lines] }
}
