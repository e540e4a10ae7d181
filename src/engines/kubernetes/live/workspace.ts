/** The way to the workspace of a live set: a stream to the agent in its pod, or to those in all of its pods as if to one. */
import type { Duplex } from 'node:stream'
import { joinWorkspaces } from '../../../workspace/joined.ts'
import { SIDECAR_PORTS } from '../../../workspace/sidecar/protocol.ts'
import type { Target } from '../../engine.ts'
import type { Cluster } from '../cluster/connect.ts'
import type { Pod } from '../cluster/objects.ts'
import { notThereYet } from '../messages.ts'
import { isOver, isStopping, setOf } from '../observe/pods.ts'
import type { Session } from '../session.ts'
import type { StoredSet } from '../stored.ts'
import { forwardToPod } from '../streams/forward.ts'
import { isLive } from './lives.ts'

/** A pod that moved, or an agent that starts anew, is mostly there by then; whoever asks asks again. */
const PATIENCE_MS = 2000
const LOOK_MS = 60_000

export async function openWorkspace(opened: Session, target: Target, set: StoredSet): Promise<Duplex> {
  const patience = AbortSignal.timeout(PATIENCE_MS)
  const wanted = Object.values(set.processes).reduce((sum, { count }) => sum + count, 0)
  for (;;) {
    const next = opened.changed(target, patience, PATIENCE_MS)
    const pods = agentsOf(opened.podsOf(target), set.id).filter(opened.lives.speaks)
    if (pods.length > 0 && pods.length >= wanted) {
      const stream = await openAll(opened.cluster, pods)
      void endWithPods(opened, target, pods, stream)
      return stream
    }
    if (patience.aborted) throw notThereYet(target)
    await next
  }
}

async function openAll(cluster: Cluster, pods: readonly Pod[]): Promise<Duplex> {
  const opening = pods.map(({ metadata }) => forwardToPod(cluster, metadata.name, SIDECAR_PORTS.workspace))
  try {
    const streams = await Promise.all(opening)
    return streams.length === 1 ? streams[0]! : joinWorkspaces(streams)
  } catch (error) {
    for (const one of opening) one.then((stream) => stream.destroy()).catch(() => {})
    throw error
  }
}

/** What is sent to a pod that is going is lost with it, and a node that is gone says nothing of that: its agent is silent. */
async function endWithPods(
  { changed, podsOf, lives }: Session,
  target: Target,
  pods: readonly Pod[],
  stream: Duplex,
): Promise<void> {
  const over = new AbortController()
  stream.once('close', () => over.abort())
  while (!stream.closed) {
    const next = changed(target, over.signal, LOOK_MS)
    const there = podsOf(target).filter((pod) => isStaying(pod) && lives.speaks(pod))
    const uids = new Set(there.map(({ metadata }) => metadata.uid))
    if (!pods.every(({ metadata }) => uids.has(metadata.uid))) stream.destroy()
    await next
  }
}

const isStaying = (pod: Pod) => !isStopping(pod) && !isOver(pod)

function agentsOf(pods: readonly Pod[], set: string): Pod[] {
  return pods.filter((pod) => setOf(pod) === set && isLive(pod) && isStaying(pod))
}
