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

export async function openWorkspace(opened: Session, target: Target, set: StoredSet): Promise<Duplex> {
  const patience = AbortSignal.timeout(PATIENCE_MS)
  const wanted = Object.values(set.processes).reduce((sum, { count }) => sum + count, 0)
  for (;;) {
    const next = opened.changed(target, patience, PATIENCE_MS)
    const pods = agentsOf(opened.podsOf(target), set.id).filter(opened.lives.speaks)
    if (pods.length > 0 && pods.length >= wanted) return openAll(opened.cluster, pods)
    if (patience.aborted) throw notThereYet(target)
    await next
  }
}

async function openAll(cluster: Cluster, pods: readonly Pod[]): Promise<Duplex> {
  const opening = pods.map(({ metadata }) =>
    forwardToPod(cluster, metadata.name, SIDECAR_PORTS.workspace),
  )
  try {
    const streams = await Promise.all(opening)
    return streams.length === 1 ? streams[0]! : joinWorkspaces(streams)
  } catch (error) {
    for (const one of opening) one.then((stream) => stream.destroy()).catch(() => {})
    throw error
  }
}

function agentsOf(pods: readonly Pod[], set: string): Pod[] {
  return pods.filter((pod) => setOf(pod) === set && isLive(pod) && !isStopping(pod) && !isOver(pod))
}
