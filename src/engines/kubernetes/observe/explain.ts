/**
 * Finds out what the cluster does not tell by itself: the last lines of what ended, and what a process listens on that
 * does not answer. Each is asked once per life of a container; until it is known, nobody is told that it went wrong.
 */
import type { Cluster } from '../cluster/connect.ts'
import { objectPath } from '../cluster/kinds.ts'
import type { Pod } from '../cluster/objects.ts'
import { WEB } from '../plan.ts'
import type { StoredSet } from '../stored.ts'
import { execute } from '../streams/exec.ts'
import {
  type Explanation,
  explanationKey,
  isLooping,
  isOver,
  isStopping,
  type PodContext,
  processNameOf,
  setOf,
  statusOf,
  wasReady,
} from './pods.ts'
import { explainSilence, listeningSockets } from './silence.ts'

export interface Explainer {
  explanations: ReadonlyMap<string, Explanation>
  /** Starts asking where that is due; answers when to look again, in milliseconds since the epoch, or null. */
  look(
    pods: readonly Pod[],
    sets: readonly StoredSet[],
    context: Pick<PodContext, 'warnings' | 'reports'>,
  ): number | null
  /** Forgets pods that are gone. */
  keepOnly(uids: ReadonlySet<string>): void
}

const LINES = 20
const ANSWER_MILLISECONDS = 5000

export function createExplainer(
  cluster: Cluster,
  port: number,
  now: () => number,
  changed: (pod: Pod) => void,
): Explainer {
  const explanations = new Map<string, Explanation>()
  const asking = new Set<string>()

  function ask(pod: Pod, find: () => Promise<Explanation>): void {
    const key = explanationKey(pod)
    if (asking.has(key) || explanations.has(key)) return
    asking.add(key)
    find()
      .catch((): Explanation => ({}))
      .then((found) => {
        explanations.set(key, found)
        asking.delete(key)
        changed(pod)
      })
  }

  async function explainEnd(pod: Pod): Promise<Explanation> {
    const { uid } = pod.metadata
    const before = explanations.get(`${uid}/${(statusOf(pod)?.restartCount ?? 0) - 1}`)?.problem
    const lastLines = await lastLinesOf(cluster, pod.metadata.name, true)
    return before ? { lastLines, problem: { ...before, lastLines } } : { lastLines }
  }

  async function explainWait(pod: Pod, set: StoredSet, warning: string | undefined): Promise<Explanation> {
    const { health, bootSeconds } = set.processes[WEB] as StoredSet['processes'][string]
    const [sockets, lastLines] = await Promise.all([
      execute(cluster, pod.metadata.name, ['cat', '/proc/net/tcp', '/proc/net/tcp6'], ANSWER_MILLISECONDS)
        .then(({ stdout }) => listeningSockets(stdout))
        .catch(() => null),
      lastLinesOf(cluster, pod.metadata.name, false),
    ])
    const problem = explainSilence(sockets, {
      port: set.foreign?.port ?? port,
      health,
      seconds: bootSeconds,
      warning,
    })
    return { lastLines, problem: { ...problem, lastLines } }
  }

  return {
    explanations,
    look(pods, sets, { warnings, reports }) {
      let again: number | null = null
      for (const pod of pods) {
        if (isStopping(pod) || isOver(pod)) continue
        const status = statusOf(pod)
        if (isLooping(status)) ask(pod, () => explainEnd(pod))
        const startedAt = status?.state?.running?.startedAt
        const set = sets.find((one) => one.id === setOf(pod))
        const spec = set?.processes[WEB]
        if (!set || !spec || processNameOf(pod) !== WEB || !startedAt || status.ready || wasReady(pod))
          continue
        const report = reports(pod)
        if (report?.process === 'ended') continue
        const due = Math.max(Date.parse(startedAt), report?.at ?? 0) + spec.bootSeconds * 1000
        if (due > now()) again = Math.min(again ?? due, due)
        else ask(pod, () => explainWait(pod, set, warnings.get(pod.metadata.uid ?? '')))
      }
      return again
    },
    keepOnly(uids) {
      for (const key of explanations.keys()) {
        if (!uids.has(key.slice(0, key.lastIndexOf('/')))) explanations.delete(key)
      }
    },
  }
}

/** Oldest first; none where they cannot be read any more. */
export async function lastLinesOf(cluster: Cluster, pod: string, previous: boolean): Promise<string[]> {
  try {
    const signal = AbortSignal.timeout(ANSWER_MILLISECONDS)
    const query = { container: 'app', tailLines: LINES, ...(previous ? { previous } : {}) }
    const stream = await cluster.stream(`${objectPath('Pod', cluster.namespace, pod)}/log`, query, signal)
    let text = ''
    for await (const chunk of stream) text += String(chunk)
    return text.split('\n').filter((line) => line !== '')
  } catch {
    return []
  }
}
