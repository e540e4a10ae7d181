/** Pods as processes: state, restarts, how they ended, and what is wrong in words for a developer. Pure. */
import type { SidecarReport } from '../../../workspace/sidecar/protocol.ts'
import type { LastExit, ObservedProcess, Problem, ProcessState } from '../../engine.ts'
import type { ContainerState, ContainerStatus, Pod } from '../cluster/objects.ts'
import { LABEL } from '../names.ts'
import {
  crashLoop,
  evictedFor,
  fillProblem,
  imageProblem,
  lastExitOf,
  notReady,
  startProblem,
  unschedulable,
} from './words.ts'

/** What had to be asked for, by `explanationKey`. */
export type Explanations = ReadonlyMap<string, Explanation>

export interface Explanation {
  lastLines?: string[]
  /** Why it does not answer although its time to boot is over. */
  problem?: Problem
}

export interface PodContext {
  explanations: Explanations
  usage: ReadonlyMap<string, { cpuPercent: number; memoryBytes: number }>
  /** The newest warning about the pod, by its uid. */
  warnings: ReadonlyMap<string, string>
  /** What the agent beside a process says that starts anew in place. */
  reports: (pod: Pod) => SidecarReport | null
}

/** Ends in a row, soon after the start, that are called a crash loop. Kubernetes pauses from the second one on. */
const LOOP_RESTARTS = 1

export function statusOf(pod: Pod): ContainerStatus | null {
  return pod.status?.containerStatuses?.find((one) => one.name === 'app') ?? null
}

/** One life of the container: what was found out about it is true for this one alone. */
export function explanationKey(pod: Pod): string {
  return `${pod.metadata.uid}/${statusOf(pod)?.restartCount ?? 0}`
}

export function processNameOf(pod: Pod): string {
  return pod.metadata.labels?.[LABEL.process] ?? 'app'
}

export function setOf(pod: Pod): string {
  return pod.metadata.labels?.[LABEL.set] ?? ''
}

/** `web.x7k2p`, after a restart of its container `web.x7k2p-1`: stable for the life of the process. */
export function instanceName(pod: Pod, restarts: number): string {
  // What Kubernetes made up: a long name before it is cut, and then no hyphen stands between.
  const suffix = pod.metadata.name.slice(-5)
  return `${processNameOf(pod)}.${suffix}${restarts > 0 ? `-${restarts}` : ''}`
}

export function isStopping(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined
}

/** Evicted, or ended by itself: it takes no room any more, and another is made in its place. */
export function isOver(pod: Pod): boolean {
  return pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'
}

export function isReady(pod: Pod): boolean {
  return !isStopping(pod) && !isOver(pod) && statusOf(pod)?.ready === true
}

/** Its container has been ready since it started; one that has not is still starting. */
export function wasReady(pod: Pod): boolean {
  const startedAt = statusOf(pod)?.state?.running?.startedAt
  const ready = pod.status?.conditions?.find((one) => one.type === 'ContainersReady')
  if (startedAt === undefined || !ready) return false
  return ready.status === 'True' || Date.parse(ready.lastTransitionTime ?? '') > Date.parse(startedAt)
}

export function isLooping(status: ContainerStatus | null): boolean {
  return status?.state?.waiting?.reason === 'CrashLoopBackOff' && status.restartCount >= LOOP_RESTARTS
}

export function observedProcess(
  pod: Pod,
  spec: { bootSeconds: number } | null,
  context: PodContext,
): ObservedProcess {
  const status = statusOf(pod)
  const explained = context.explanations.get(explanationKey(pod))
  const inPlace = endInPlace(context.reports(pod))
  const lastExit = inPlace ?? (status ? lastExitOfStatus(pod, status) : undefined)
  // It waits for the next change, and what it wrote is in its log.
  const problem = inPlace ? undefined : problemOf(pod, status, explained, lastExit, context, spec)
  const usage = context.usage.get(pod.metadata.name)
  return {
    id: instanceName(pod, status?.restartCount ?? 0),
    process: processNameOf(pod),
    set: setOf(pod),
    state: inPlace && !isStopping(pod) ? 'crashed' : stateOf(pod, status, explained),
    startedAt: startedAt(pod, status),
    restarts: status?.restartCount ?? 0,
    ...(usage ?? {}),
    ...(lastExit ? { lastExit } : {}),
    ...(problem ? { problem } : {}),
  }
}

/** How a process ended whose container lives on, and starts it again with the next change. */
export function endInPlace(report: SidecarReport | null): LastExit | null {
  if (report?.process !== 'ended') return null
  return lastExitOf({ exitCode: report.exit ?? 0, finishedAt: new Date(report.at).toISOString() }, undefined)
}

function stateOf(pod: Pod, status: ContainerStatus | null, explained: Explanation | undefined): ProcessState {
  if (isStopping(pod)) return 'stopping'
  if (status?.state?.running) return status.ready ? 'healthy' : wasReady(pod) ? 'unhealthy' : 'starting'
  // Told once its last lines are there too: whoever gives up on it wants to see them.
  if (isLooping(status) && explained) return 'crashed'
  return status?.state?.waiting || !status ? 'waiting' : 'starting'
}

function startedAt(pod: Pod, status: ContainerStatus | null): string {
  const at = status?.state?.running?.startedAt ?? pod.status?.startTime ?? pod.metadata.creationTimestamp
  return at === undefined ? new Date(0).toISOString() : new Date(at).toISOString()
}

function problemOf(
  pod: Pod,
  status: ContainerStatus | null,
  explained: Explanation | undefined,
  lastExit: LastExit | undefined,
  context: PodContext,
  spec: { bootSeconds: number } | null,
): Problem | undefined {
  if (isStopping(pod)) return undefined
  const name = processNameOf(pod)
  const waiting = status?.state?.waiting
  if (isLooping(status)) {
    if (!explained) return undefined
    if (explained.problem) return explained.problem
    return crashLoop(name, (status?.restartCount ?? 0) + 1, lastExit, explained.lastLines ?? [])
  }
  const image = imageProblem(waiting, pod.spec.containers[0]?.image) ?? beforehand(pod)
  if (image) return image
  const start = startProblem(name, waiting ?? status?.lastState?.waiting)
  if (start) return start
  const scheduled = pod.status?.conditions?.find((one) => one.type === 'PodScheduled')
  if (scheduled?.status === 'False' && scheduled.reason === 'Unschedulable') {
    return unschedulable(scheduled.message ?? '', pod.spec.containers[0]?.resources?.requests)
  }
  if (status?.state?.running && !status.ready) {
    if (explained?.problem) return explained.problem
    if (wasReady(pod) && spec) return notReady(context.warnings.get(pod.metadata.uid ?? ''))
  }
  return undefined
}

/** What has to be there before the app can begin, and is not. */
function beforehand(pod: Pod): Problem | null {
  for (const { name, state, lastState } of pod.status?.initContainerStatuses ?? []) {
    const image = pod.spec.initContainers?.find((one) => one.name === name)?.image
    const found = imageProblem(state?.waiting, image) ?? fillProblem(name, state, lastState)
    if (found) return found
  }
  return null
}

/** How the newest of those ended that were put out of their node; null where none was. */
export function lastEviction(pods: readonly Pod[]): LastExit | null {
  const ends = pods
    .filter(({ status }) => status?.phase === 'Failed' && status.reason === 'Evicted')
    .map((pod) => evictedFor(pod.status?.message ?? '', endedAt(pod)))
    .sort((one, other) => (one.at < other.at ? 1 : -1))
  return ends[0] ?? null
}

function endedAt({ metadata, status }: Pod): string {
  const ends = (status?.containerStatuses ?? []).flatMap((one) => one.state?.terminated?.finishedAt ?? [])
  return new Date(ends.sort().at(-1) ?? status?.startTime ?? metadata.creationTimestamp ?? 0).toISOString()
}

function lastExitOfStatus(pod: Pod, status: ContainerStatus): LastExit | undefined {
  const ended: ContainerState['terminated'] = status.state?.terminated ?? status.lastState?.terminated
  return ended ? lastExitOf(ended, pod.spec.containers[0]?.resources?.limits?.memory) : undefined
}

/** Whether nothing will mend it but a change: the first reason to give a release up. */
export function isFinal(problem: Problem): boolean {
  return FINAL.has(problem.code)
}

const FINAL = new Set([
  'crash-loop',
  'not-listening',
  'wrong-port',
  'only-ipv6',
  'only-local',
  'image-missing',
])
