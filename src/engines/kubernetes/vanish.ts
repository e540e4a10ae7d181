/** The end of a target: everything of it goes, the record last, so that whoever starts anew goes on from here. */
import type { Target } from '../engine.ts'
import { type Cluster, hasStatus } from './cluster/connect.ts'
import { objectPath } from './cluster/kinds.ts'
import { collectConfigs } from './config-secrets.ts'
import { land } from './land.ts'
import type { Mirror } from './mirror.ts'
import { LABEL, nameOf, recordName } from './names.ts'
import type { TargetRecord } from './record.ts'

/** One look at it; called again after every change until nothing is left. */
export async function vanish(
  cluster: Cluster,
  mirror: Mirror,
  { platform, target }: { platform: string; target: Target },
  { stored, resourceVersion }: TargetRecord,
): Promise<void> {
  const { generation } = stored
  await land(cluster, mirror, { target, generation, objects: [], confirm: async () => true })
  const isMine = ({ metadata }: { metadata: { labels?: Record<string, string> } }) =>
    metadata.labels?.[LABEL.app] === nameOf(target)
  const jobs = mirror.jobs.all().filter(isMine)
  for (const { metadata } of jobs) {
    if (metadata.deletionTimestamp) continue
    await remove(cluster, objectPath('Job', cluster.namespace, metadata.name), { uid: metadata.uid })
  }
  if (jobs.length > 0 || mirror.pods.all().some(isMine)) return
  await collectConfigs(cluster, target, platform, null)
  await remove(cluster, objectPath('Lease', cluster.namespace, recordName(target)), {})
  await remove(cluster, objectPath('Secret', cluster.namespace, recordName(target)), { resourceVersion })
  mirror.records.drop(recordName(target))
}

async function remove(
  cluster: Cluster,
  path: string,
  preconditions: Record<string, string | undefined>,
): Promise<void> {
  const body = { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', preconditions }
  await cluster.request('DELETE', path, { body }).catch((error) => {
    if (!hasStatus(error, 404)) throw error
  })
}
