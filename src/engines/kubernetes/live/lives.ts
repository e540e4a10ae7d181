/** How the processes of live sets fare, as the agents beside them say: a process that ended in place ends no container. */
import { REPORT_MS, SIDECAR_PORTS, type SidecarReport } from '../../../workspace/sidecar/protocol.ts'
import type { Cluster } from '../cluster/connect.ts'
import type { Pod } from '../cluster/objects.ts'
import { statusOf } from '../observe/pods.ts'
import { createTalks } from '../streams/talk.ts'

export interface Lives {
  /** The pods there are now. */
  look(pods: readonly Pod[]): void
  /** What its agent said last; null of a pod that has none, or whose container has ended as a whole. */
  report(pod: Pod): SidecarReport | null
  /** Its agent answers. */
  speaks(pod: Pod): boolean
  close(): void
}

export function createLives(cluster: Cluster, changed: (pod: string) => void): Lives {
  const talks = createTalks<SidecarReport>({
    cluster,
    port: SIDECAR_PORTS.report,
    reportMs: REPORT_MS,
    changed,
  })
  return {
    look: (pods) => talks.tell(pods.filter(isLive)),
    report: (pod) => (statusOf(pod)?.state?.running ? (talks.heard(pod)?.report ?? null) : null),
    speaks: (pod) => talks.heard(pod)?.silentSince === null,
    close: talks.close,
  }
}

/** An agent lies beside its process. */
export function isLive(pod: Pod): boolean {
  return pod.spec.initContainers?.some(({ name }) => name === 'agent') ?? false
}
