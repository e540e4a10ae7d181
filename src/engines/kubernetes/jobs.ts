/**
 * Commands that run once: a Job per key. Its name comes from the key, so that the API server itself refuses a second
 * start, and it stays as the record of how it ended.
 */
import type { JobStatus, Target, Job as WantedJob } from '../engine.ts'
import { type Cluster, hasStatus } from './cluster/connect.ts'
import { collectionPath, type KubeObject, objectPath } from './cluster/kinds.ts'
import type { Job, Pod } from './cluster/objects.ts'
import { inWords } from './messages.ts'
import type { Mirror } from './mirror.ts'
import { ANNOTATION, FIELD_MANAGER, jobName, nameOf } from './names.ts'
import { lastLinesOf } from './observe/explain.ts'
import { lastExitOf } from './observe/words.ts'
import type { Renderer } from './render/helm.ts'
import { jobValues, type Surroundings } from './render/values.ts'
import type { Stored, StoredSet } from './stored.ts'

export interface JobParts {
  cluster: Cluster
  mirror: Mirror
  renderer: Renderer
  around: Surroundings
}

/** How it ended, kept with the Job: its pod may be gone tomorrow. */
type Outcome = Pick<JobStatus, 'state' | 'exit' | 'signal' | 'endedAt' | 'reason'>

export async function startJob(
  parts: JobParts,
  stored: Stored,
  set: StoredSet,
  wanted: WantedJob,
): Promise<void> {
  const { cluster, renderer, around, mirror } = parts
  const values = jobValues(stored, set, wanted, around)
  const objects = await renderer.render({ name: nameOf(stored.target), namespace: cluster.namespace, values })
  const job = objects.find((object) => object.kind === 'Job') as KubeObject
  try {
    const query = { fieldManager: FIELD_MANAGER, fieldValidation: 'Strict' }
    mirror.jobs.put(
      await cluster.request<Job>('POST', collectionPath('Job', cluster.namespace), { query, body: job }),
    )
  } catch (error) {
    if (!hasStatus(error, 409)) throw inWords(error, `starting ${wanted.process}`)
  }
}

/** Null where none was ever asked for under this key. */
export async function findJob(parts: JobParts, target: Target, key: string): Promise<Job | null> {
  const { cluster, mirror } = parts
  const name = jobName(target, key)
  const known = mirror.jobs.get(name)
  if (known) return known
  try {
    return await cluster.request<Job>('GET', objectPath('Job', cluster.namespace, name))
  } catch (error) {
    if (hasStatus(error, 404)) return null
    throw inWords(error, 'looking for the run')
  }
}

export function podOfJob(mirror: Mirror, job: Job): Pod | null {
  const isOwned = (pod: Pod) => pod.metadata.ownerReferences?.some(({ uid }) => uid === job.metadata.uid)
  return mirror.pods.all().find(isOwned) ?? null
}

export async function jobStatus(parts: JobParts, job: Job): Promise<JobStatus> {
  const { cluster, mirror } = parts
  const key = job.metadata.annotations?.[ANNOTATION.key] ?? ''
  const kept = job.metadata.annotations?.[ANNOTATION.outcome]
  const pod = podOfJob(mirror, job)
  const startedAt = pod?.status?.startTime ?? job.status?.startTime
  const base = { key, ...(startedAt ? { startedAt: new Date(startedAt).toISOString() } : {}) }
  const outcome = kept === undefined ? await findOutcome(parts, job, pod) : (JSON.parse(kept) as Outcome)
  if (!outcome) return { ...base, state: 'running' }
  if (kept === undefined) await keepOutcome(parts, job, outcome)
  const lastLines = pod ? await lastLinesOf(cluster, pod.metadata.name, false) : []
  return { ...base, ...outcome, ...(lastLines.length > 0 ? { lastLines } : {}) }
}

/** What is called unknown stays so for ever: the pod is looked for once more, past what the watch has told so far. */
async function findOutcome({ cluster }: JobParts, job: Job, pod: Pod | null): Promise<Outcome | null> {
  const outcome = outcomeOf(job, pod)
  if (outcome?.state !== 'unknown') return outcome
  const { items } = await cluster.request<{ items: Pod[] }>('GET', collectionPath('Pod', cluster.namespace), {
    query: { labelSelector: `batch.kubernetes.io/job-name=${job.metadata.name}` },
  })
  return outcomeOf(job, items[0] ?? null)
}

export function outcomeOf(job: Job, pod: Pod | null): Outcome | null {
  const container = pod?.status?.containerStatuses?.find((one) => one.name === 'app')
  const ended = container?.state?.terminated
  const endedAt = new Date(ended?.finishedAt ?? job.status?.completionTime ?? Date.now()).toISOString()
  if (pod?.status?.reason === 'DeadlineExceeded') {
    return { state: 'failed', endedAt, reason: 'ended because its time was up' }
  }
  if (pod?.status?.reason === 'Evicted') {
    return { state: 'failed', endedAt, reason: `evicted from its node: ${pod.status.message ?? 'no room'}` }
  }
  if (ended) {
    const exit = lastExitOf(ended, pod?.spec.containers[0]?.resources?.limits?.memory)
    if (exit.code === 0) return { state: 'succeeded', exit: 0, endedAt }
    const { code, signal, reason } = exit
    return {
      state: 'failed',
      ...(code === undefined ? {} : { exit: code }),
      ...(signal === undefined ? {} : { signal }),
      endedAt,
      reason,
    }
  }
  const isOver = job.status?.conditions?.find(
    (one) => one.status === 'True' && /^(Failed|Complete)$/.test(one.type),
  )
  if (!isOver || (pod && !pod.metadata.deletionTimestamp)) return null
  return { state: 'unknown', endedAt, reason: 'its pod was removed before it was known how it ended' }
}

/** The first outcome that is written down stays: what is cancelled is cancelled, even where it ended by itself since. */
async function keepOutcome(
  { cluster, mirror }: JobParts,
  job: Job,
  outcome: Outcome,
  more = {},
): Promise<void> {
  const path = objectPath('Job', cluster.namespace, job.metadata.name)
  try {
    const kept = await cluster.request<Job>('PATCH', path, {
      contentType: 'application/merge-patch+json',
      body: {
        metadata: {
          resourceVersion: job.metadata.resourceVersion,
          annotations: { [ANNOTATION.outcome]: JSON.stringify(outcome) },
        },
        ...more,
      },
    })
    mirror.jobs.put(kept)
  } catch (error) {
    if (!hasStatus(error, 404, 409)) throw inWords(error, 'keeping how the run ended')
  }
}

/** Ends it; what has ended already stays as it is. */
export async function cancelJob(parts: JobParts, target: Target, key: string): Promise<void> {
  for (let tries = 0; tries < 10; tries += 1) {
    const path = objectPath('Job', parts.cluster.namespace, jobName(target, key))
    const job = await parts.cluster.request<Job>('GET', path).catch((error) => {
      if (hasStatus(error, 404)) return null
      throw inWords(error, 'cancelling the run')
    })
    if (!job || job.metadata.annotations?.[ANNOTATION.outcome]) return
    const over = outcomeOf(job, podOfJob(parts.mirror, job))
    if (over) return keepOutcome(parts, job, over)
    const cancelled: Outcome = { state: 'failed', endedAt: new Date().toISOString(), reason: 'cancelled' }
    await keepOutcome(parts, job, cancelled, { spec: { suspend: true } })
  }
}

/** Longest that a run which is over is remembered, with its pod and its log. */
const KEPT_MILLISECONDS = 7 * 24 * 3_600_000

/** Removes runs that were over long ago. Their keys are never asked for again: every run has one of its own. */
export async function collectJobs(cluster: Cluster, jobs: readonly Job[], now: number): Promise<void> {
  for (const { metadata } of jobs.filter((job) => isForgotten(job, now))) {
    const preconditions = { uid: metadata.uid }
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', preconditions }
    await cluster
      .request('DELETE', objectPath('Job', cluster.namespace, metadata.name), { body })
      .catch((error) => {
        if (!hasStatus(error, 404, 409)) throw inWords(error, 'removing an old run')
      })
  }
}

export function isForgotten({ metadata }: Job, now: number): boolean {
  const kept = metadata.annotations?.[ANNOTATION.outcome]
  if (kept === undefined || metadata.deletionTimestamp) return false
  const { endedAt } = JSON.parse(kept) as Outcome
  return endedAt !== undefined && now - Date.parse(endedAt) > KEPT_MILLISECONDS
}
