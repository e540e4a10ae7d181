/** What is, in the words of the port: from what the cluster told and what is kept of the target. Pure. */
import { Cron } from 'croner'
import type {
  CronRun,
  Demand,
  LastExit,
  Observation,
  ObservedCron,
  ObservedProcess,
  ObservedSet,
  Passes,
  Problem,
  SplitRule,
} from '../../engine.ts'
import type { Deployment, Job, Pod, Route } from '../cluster/objects.ts'
import { isLive } from '../live/lives.ts'
import { LABEL } from '../names.ts'
import { sameSplit, WEB, weightedSets } from '../plan.ts'
import { type Stored, setsOf } from '../stored.ts'
import {
  isFinal,
  isOver,
  isReady,
  isStopping,
  lastEviction,
  observedProcess,
  type PodContext,
  processNameOf,
  setOf,
} from './pods.ts'
import { noPods } from './words.ts'

export interface Seen {
  stored: Stored
  /** Of the target, by what they are. */
  pods: Pod[]
  jobs: Job[]
  deployments: Deployment[]
  context: PodContext
  /** Everything rendered for what is kept is there, and nothing else. */
  isLanded: boolean
  /** The route does what it was last asked to. */
  isRouted: boolean
  /** Whoever routes has had the time to hear of those who became ready. */
  isHeardOf: boolean
  addresses: Observation['addresses']
  problems: Problem[]
  place: string | undefined
  demand: Demand | undefined
  passes: Passes | undefined
  /** When this was true; milliseconds since the epoch. */
  at: number
}

export function observationOf(seen: Seen): Observation {
  const { stored } = seen
  const processPods = seen.pods.filter((pod) => pod.metadata.labels?.[LABEL.kind] === 'process')
  const ids = [...new Set([...setsOf(stored).map((set) => set.id), ...processPods.map(setOf)])]
  return {
    target: stored.target,
    at: new Date(seen.at).toISOString(),
    generation: stored.generation,
    settled: isSettled(seen, processPods),
    sets: ids
      .map((id) => observedSet(seen, id, processPods))
      .filter((set) => set.processes.length > 0 || stored.desired.sets.some((one) => one.id === set.id)),
    split: servedSplit(seen),
    crons: stored.desired.crons.map((cron) => observedCron(cron.name, seen)),
    addresses: seen.addresses,
    ...(seen.problems.length > 0 ? { problems: seen.problems } : {}),
    ...(seen.place ? { place: seen.place } : {}),
    ...(seen.demand ? { demand: seen.demand } : {}),
    ...(seen.passes ? { passes: seen.passes } : {}),
  }
}

/** Where the engine does not know yet whether a move has happened, what it knew last. */
function servedSplit({ stored, isRouted }: Seen): SplitRule[] {
  return isRouted ? stored.split : stored.served
}

/** `web` pods that could take a request now, by set. */
export function readyBySet(pods: readonly Pod[]): Map<string, number> {
  const ready = new Map<string, number>()
  for (const pod of pods) {
    const isWeb = processNameOf(pod) === WEB && pod.metadata.labels?.[LABEL.kind] === 'process'
    if (isWeb && isReady(pod)) ready.set(setOf(pod), (ready.get(setOf(pod)) ?? 0) + 1)
  }
  return ready
}

/** True once the controller of every Gateway that is asked has taken in the route as it is now. */
export function isAccepted(route: Route | null): boolean {
  const parents = route?.status?.parents ?? []
  return (
    parents.length > 0 &&
    parents.every((parent) =>
      ['Accepted', 'ResolvedRefs'].every((type) =>
        parent.conditions?.some(
          (one) =>
            one.type === type &&
            one.status === 'True' &&
            (one.observedGeneration === undefined || one.observedGeneration === route?.metadata.generation),
        ),
      ),
    )
  )
}

/** Why the Gateway does not carry the route, or null. */
export function routeProblem(route: Route | null): Problem | null {
  const bad = route?.status?.parents
    ?.flatMap((parent) => parent.conditions ?? [])
    .find((one) => one.status === 'False' && (one.type === 'Accepted' || one.type === 'ResolvedRefs'))
  if (!bad) return null
  return {
    code: 'route',
    message: `the Gateway does not take the route: ${bad.message || bad.reason || bad.type}`,
    hint: 'tow doctor checks the Gateway',
  }
}

function isSettled(seen: Seen, pods: readonly Pod[]): boolean {
  const { stored } = seen
  if (stored.removed || !seen.isLanded || !seen.isRouted || !seen.isHeardOf) return false
  if (stored.retained.length > 0 || !sameSplit(stored.split, stored.desired.split)) return false
  // Between the end of a Deployment and that of its pods nobody has told the pods yet.
  const wanted = new Set(stored.desired.sets.map((set) => set.id))
  if (pods.some((pod) => isStopping(pod) || (!isOver(pod) && !wanted.has(setOf(pod))))) return false
  return stored.desired.sets.every((set) =>
    Object.entries(set.processes).every(([process, { count }]) => {
      const mine = pods.filter(
        (pod) => setOf(pod) === set.id && processNameOf(pod) === process && !isOver(pod),
      )
      const status = deploymentOf(seen, set.id, process)
      return (
        status?.status?.observedGeneration === status?.metadata.generation &&
        (status?.status?.replicas ?? 0) === count &&
        (status?.status?.updatedReplicas ?? 0) === count &&
        mine.length === count &&
        mine.every((pod) => isReady(pod) && isReached(seen, pod))
      )
    }),
  )
}

/** Its agent has spoken, where it has one: its workspace is there for whoever asks. */
function isReached({ context }: Seen, pod: Pod): boolean {
  return !isLive(pod) || context.reports(pod) !== null
}

function deploymentOf(seen: Seen, set: string, process: string): Deployment | undefined {
  return seen.deployments.find(
    ({ metadata: { labels } }) => labels?.[LABEL.set] === set && labels[LABEL.process] === process,
  )
}

function observedSet(seen: Seen, id: string, pods: readonly Pod[]): ObservedSet {
  const specs = setsOf(seen.stored).find((set) => set.id === id)?.processes ?? {}
  const mine = pods.filter((pod) => setOf(pod) === id && !isOver(pod))
  const running = mine
    .map((pod) => observedProcess(pod, specs[processNameOf(pod)] ?? null, seen.context))
    .map((one) => inPlaceOf(one, lastEviction(pods.filter((pod) => isOf(pod, id, one.process)))))
  const processes = [...running, ...waiting(seen, id, running)].sort((a, b) => (a.id < b.id ? -1 : 1))
  const final = processes.filter(
    ({ problem, state }) =>
      problem && (isFinal(problem) || (problem.code === 'unhealthy' && state === 'starting')),
  )
  const problem = (final.find((one) => one.process === WEB) ?? final[0])?.problem
  return { id, processes, inFlight: mayServe(seen, id) ? 1 : 0, ...(problem ? { problem } : {}) }
}

const isOf = (pod: Pod, set: string, process: string) => setOf(pod) === set && processNameOf(pod) === process

/** Another pod is made for one that was evicted: it tells why, until it has an end of its own. */
function inPlaceOf(one: ObservedProcess, evicted: LastExit | null): ObservedProcess {
  return evicted && !one.lastExit && one.startedAt >= evicted.at ? { ...one, lastExit: evicted } : one
}

/** Nobody here counts requests: while any may be routed to the set, there may be one under way. */
function mayServe({ stored, isRouted }: Seen, id: string): boolean {
  const rules = isRouted ? stored.split : [...stored.split, ...stored.served]
  return weightedSets(rules).has(id)
}

/** Processes that are asked for and that no pod is there for yet. */
function waiting(seen: Seen, id: string, running: readonly ObservedProcess[]): ObservedProcess[] {
  const set = seen.stored.desired.sets.find((one) => one.id === id)
  return Object.entries(set?.processes ?? {}).flatMap(([process, { count }]) => {
    const there = running.filter((one) => one.process === process && one.state !== 'stopping').length
    const deployment = deploymentOf(seen, id, process)
    const problem = noPods(deployment?.status?.conditions)
    const since = deployment?.metadata.creationTimestamp
    return Array.from(
      { length: Math.max(0, count - there) },
      (_, index): ObservedProcess => ({
        id: `${process}.${there + index + 1}`,
        process,
        set: id,
        state: 'waiting',
        startedAt: new Date(since ?? seen.at).toISOString(),
        restarts: 0,
        ...(problem ? { problem } : {}),
      }),
    )
  })
}

function observedCron(name: string, seen: Seen): ObservedCron {
  const cron = seen.stored.desired.crons.find((one) => one.name === name)
  const runs = seen.jobs
    .filter(({ metadata: { labels } }) => labels?.[LABEL.kind] === 'cron' && labels[LABEL.process] === name)
    .sort((a, b) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? 1 : -1))
  const last = runs[0]
  return {
    name,
    set: cron?.set ?? '',
    nextAt: cron ? nextTime(cron.schedule, cron.timezone, seen.at) : null,
    ...(last ? { lastRun: cronRun(last, seen.pods) } : {}),
  }
}

function cronRun(job: Job, pods: readonly Pod[]): CronRun {
  const at = new Date(job.status?.startTime ?? job.metadata.creationTimestamp ?? 0).toISOString()
  const pod = pods.find((one) => one.metadata.ownerReferences?.some(({ uid }) => uid === job.metadata.uid))
  const ended = pod?.status?.containerStatuses?.[0]?.state?.terminated
  const isDone = (type: string) =>
    job.status?.conditions?.some((one) => one.type === type && one.status === 'True')
  if (isDone('Complete') || ended?.exitCode === 0) return { at, state: 'succeeded', exit: 0 }
  if (ended)
    return { at, state: 'failed', exit: ended.exitCode, reason: `exited with code ${ended.exitCode}` }
  if (isDone('Failed')) {
    return { at, state: 'unknown', reason: 'its pod was removed before it was known how it ended' }
  }
  return { at, state: 'running' }
}

function nextTime(schedule: string, timezone: string, after: number): string | null {
  try {
    return new Cron(schedule, { timezone, paused: true }).nextRun(new Date(after))?.toISOString() ?? null
  } catch {
    return null
  }
}
