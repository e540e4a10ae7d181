/** `tow run` and release commands: a Job per key, looked at, joined and cancelled. */
import { TowError } from '../../api/errors.ts'
import type { DesiredSet, Engine, JobStatus, Target } from '../engine.ts'
import { objectPath } from './cluster/kinds.ts'
import type { Job, Pod } from './cluster/objects.ts'
import { cancelJob, findJob, jobStatus, podOfJob, startJob } from './jobs.ts'
import { noJob } from './messages.ts'
import { ANNOTATION, jobName } from './names.ts'
import { isOver, statusOf } from './observe/pods.ts'
import type { TargetRecord } from './record.ts'
import type { Renderer } from './render/helm.ts'
import type { Surroundings } from './render/values.ts'
import type { Session } from './session.ts'
import type { StoredSet } from './stored.ts'
import { attachToPod } from './streams/attach.ts'

export interface RunParts {
  session(target: Target): Promise<Session>
  enter(target: Target): Promise<{ opened: Session; record: TargetRecord }>
  renderer: Renderer
  around: Surroundings
  store(
    session: Session,
    target: Target,
    record: TargetRecord,
    set: Omit<DesiredSet, 'processes'>,
    processes: DesiredSet['processes'],
  ): Promise<StoredSet>
}

/** Where nothing changes, it is looked at again after so long. */
const LOOK_MILLISECONDS = 10_000
const START_MILLISECONDS = 120_000

export function createRuns(parts: RunParts): Pick<Engine, 'run' | 'job' | 'cancel' | 'attach'> {
  const { session, renderer, around } = parts
  const jobParts = ({ cluster, mirror }: Session) => ({ cluster, mirror, renderer, around })

  async function over(opened: Session, target: Target, key: string, signal: AbortSignal): Promise<JobStatus> {
    while (!signal.aborted) {
      const next = opened.changed(target, signal, LOOK_MILLISECONDS)
      const job = await findJob(jobParts(opened), target, key)
      const status = job ? await jobStatus(jobParts(opened), job) : null
      if (!status) throw noJob(target, key)
      if (status.state !== 'running') return status
      await next
    }
    throw signal.reason
  }

  /** The pod of a job once its container runs or has run. */
  async function startedPod(opened: Session, target: Target, job: Job): Promise<Pod> {
    const patience = AbortSignal.timeout(START_MILLISECONDS)
    while (!patience.aborted) {
      const next = opened.changed(target, patience, LOOK_MILLISECONDS)
      const pod = podOfJob(opened.mirror, job)
      const state = pod ? statusOf(pod)?.state : undefined
      if (pod && (state?.running || state?.terminated || isOver(pod))) return pod
      await next
    }
    throw new TowError('UNAVAILABLE', `the run did not start within ${START_MILLISECONDS / 1000} s`, {
      hint: 'tow ps and tow doctor tell more',
    })
  }

  async function keepAttended({ cluster, mirror }: Session, target: Target, key: string): Promise<void> {
    const path = objectPath('Job', cluster.namespace, jobName(target, key))
    const body = { metadata: { annotations: { [ANNOTATION.attended]: 'true' } } }
    mirror.jobs.put(
      await cluster.request<Job>('PATCH', path, { body, contentType: 'application/merge-patch+json' }),
    )
  }

  return {
    async run(asked, wanted) {
      const { apart: _, ...target } = asked
      const { opened, record } = await parts.enter(asked)
      const known = await findJob(jobParts(opened), target, wanted.key)
      if (known) return jobStatus(jobParts(opened), known)
      const set = await parts.store(opened, target, record, wanted.set, {})
      // The account that it runs as, and the guards around it.
      await opened.loop(target).pass()
      await startJob(jobParts(opened), record.stored, set, wanted)
      const started = await findJob(jobParts(opened), target, wanted.key)
      if (!started) throw noJob(target, wanted.key)
      return jobStatus(jobParts(opened), started)
    },
    async job(target, key) {
      const opened = await session(target)
      const job = await findJob(jobParts(opened), target, key)
      return job ? jobStatus(jobParts(opened), job) : null
    },
    async cancel(target, key) {
      await cancelJob(jobParts(await session(target)), target, key)
    },
    async attach(target, key) {
      const opened = await session(target)
      const job = await findJob(jobParts(opened), target, key)
      if (!job) throw noJob(target, key)
      const pod = await startedPod(opened, target, job)
      const [container] = pod.spec.containers
      const isFirst = job.metadata.annotations?.[ANNOTATION.attended] === undefined
      const attached = await attachToPod({
        cluster: opened.cluster,
        pod,
        tty: container?.tty === true,
        stdin: container?.stdin === true,
        isFirst,
        over: (signal) => over(opened, target, key, signal),
      })
      if (isFirst) await keepAttended(opened, target, key)
      return attached
    },
  }
}
