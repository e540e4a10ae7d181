/** The config of a set as an immutable Secret, named after what is in it and collected when nothing refers to it. */
import { createHmac } from 'node:crypto'
import type { Target } from '../engine.ts'
import { type Cluster, hasStatus } from './cluster/connect.ts'
import { collectionPath, objectPath } from './cluster/kinds.ts'
import type { Pod, Secret } from './cluster/objects.ts'
import { inWords } from './messages.ts'
import { LABEL, nameOf, ownerLabels } from './names.ts'

/** Keyed, so that nobody who may list names can test a guess about what is in it. */
export function configName(target: Target, key: string, config: Record<string, string>): string {
  const sorted = Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1))
  const digest = createHmac('sha256', Buffer.from(key, 'base64')).update(JSON.stringify(sorted)).digest('hex')
  return `${nameOf(target)}--config-${digest.slice(0, 10)}`
}

export async function putConfig(
  cluster: Cluster,
  owner: { platform: string; target: Target },
  name: string,
  config: Record<string, string>,
): Promise<void> {
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      namespace: cluster.namespace,
      labels: {
        ...ownerLabels(owner.platform, owner.target),
        [LABEL.kind]: 'config',
      },
    },
    type: 'Opaque',
    immutable: true,
    data: Object.fromEntries(
      Object.entries(config).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  }
  try {
    await cluster.request('POST', collectionPath('Secret', cluster.namespace), { body: secret })
  } catch (error) {
    // The same content has the same name: it is there.
    if (!hasStatus(error, 409)) throw inWords(error, 'keeping the config')
  }
}

/** Removes those that neither `wanted` names nor a pod or job still reads. */
export async function collectConfigs(
  cluster: Cluster,
  target: Target,
  platform: string,
  /** Null: the target is going, and all of them with it. */
  wanted: ReadonlySet<string> | null,
): Promise<void> {
  const labelSelector = `${LABEL.app}=${nameOf(target)},${LABEL.platform}=${platform}`
  const list = <Item>(kind: 'Secret' | 'Pod', selector: string) =>
    cluster
      .request<{ items: Item[] }>('GET', collectionPath(kind, cluster.namespace), {
        query: { labelSelector: selector },
      })
      .then(({ items }) => items)
  const secrets = await list<Secret>('Secret', `${labelSelector},${LABEL.kind}=config`)
  const unwanted = secrets.filter((secret) => !wanted?.has(secret.metadata.name))
  if (unwanted.length === 0) return
  // Read after the Secrets, so that a pod which refers to one of them is seen.
  const used = new Set((await list<Pod>('Pod', labelSelector)).flatMap(configsOf))
  for (const { metadata } of unwanted) {
    if (wanted && (used.has(metadata.name) || isYoung(metadata.creationTimestamp))) continue
    const path = objectPath('Secret', cluster.namespace, metadata.name)
    await cluster
      .request('DELETE', path, {
        body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid: metadata.uid } },
      })
      .catch((error) => {
        if (!hasStatus(error, 404, 409)) throw error
      })
  }
}

/** Just made for a wish that is not written down yet. */
function isYoung(createdAt: string | undefined): boolean {
  return createdAt !== undefined && Date.now() - Date.parse(createdAt) < 120_000
}

export function configsOf(pod: Pod): string[] {
  return pod.spec.containers.flatMap(
    (container) => container.envFrom?.flatMap((from) => from.secretRef?.name ?? []) ?? [],
  )
}
