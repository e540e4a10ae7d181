/**
 * Which space has which namespace for itself: a Lease in the environment's own namespace for each, held by the space.
 * Those of a pool were made by an operator, and are free while nobody holds them; one that is made for a space comes and
 * goes with it. Whoever takes one names the version that was read, so that of two one is refused.
 */
import type { Cluster } from '../cluster/connect.ts'
import { hasStatus } from '../cluster/connect.ts'
import { collectionPath, objectPath } from '../cluster/kinds.ts'
import type { Lease } from '../cluster/objects.ts'
import { ANNOTATION, LABEL, placeName } from '../names.ts'

export interface Claim {
  namespace: string
  /** It was made for the space, and goes with it. */
  isMade: boolean
  /** Null: it is free. */
  holder: { platform: string; space: string } | null
  lease: Lease
}

export const SELECTOR = `${LABEL.kind}=place`

export function readClaim(lease: Lease): Claim | null {
  const { annotations = {}, labels = {} } = lease.metadata
  const namespace = annotations[ANNOTATION.namespace]
  if (labels[LABEL.kind] !== 'place' || namespace === undefined) return null
  const [platform, space] = (lease.spec?.holderIdentity ?? '').split('/')
  return {
    namespace,
    isMade: annotations[ANNOTATION.made] === 'true',
    holder: platform && space ? { platform, space } : null,
    lease,
  }
}

export async function listClaims(cluster: Cluster): Promise<Claim[]> {
  const { items } = await cluster.request<{ items: Lease[] }>(
    'GET',
    collectionPath('Lease', cluster.namespace),
    { query: { labelSelector: SELECTOR } },
  )
  return items.flatMap((lease) => readClaim(lease) ?? []).sort(byName)
}

/** False where somebody else was faster. */
export async function hold(
  cluster: Cluster,
  { lease }: Claim,
  holder: NonNullable<Claim['holder']> | null,
): Promise<boolean> {
  const path = objectPath('Lease', cluster.namespace, lease.metadata.name)
  const now = `${new Date().toISOString().slice(0, -1)}000Z`
  const spec = holder ? { holderIdentity: `${holder.platform}/${holder.space}`, acquireTime: now } : {}
  const { managedFields: _, ...metadata } = lease.metadata
  const body = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec }
  return cluster.request('PUT', path, { body }).then(
    () => true,
    (error) => {
      if (hasStatus(error, 404, 409)) return false
      throw error
    },
  )
}

/** Of a namespace that is about to be made: written down before, so that nothing is left that nobody knows. */
export async function announce(
  cluster: Cluster,
  namespace: string,
  holder: NonNullable<Claim['holder']>,
): Promise<void> {
  await cluster.request('POST', collectionPath('Lease', cluster.namespace), {
    body: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: placeName(namespace),
        namespace: cluster.namespace,
        labels: {
          [LABEL.managedBy]: 'towpath',
          [LABEL.platform]: holder.platform,
          [LABEL.space]: holder.space,
          [LABEL.kind]: 'place',
        },
        annotations: { [ANNOTATION.namespace]: namespace, [ANNOTATION.made]: 'true' },
      },
      spec: { holderIdentity: `${holder.platform}/${holder.space}` },
    },
  })
}

export async function forget(cluster: Cluster, { lease }: Claim): Promise<void> {
  const path = objectPath('Lease', cluster.namespace, lease.metadata.name)
  await cluster.request('DELETE', path).catch((error) => {
    if (!hasStatus(error, 404)) throw error
  })
}

const byName = (one: Claim, other: Claim) => (one.namespace < other.namespace ? -1 : 1)
