/**
 * The lease of a target names the platform process that looks after it. It is taken, not waited for: whoever is told to
 * run the target takes it, and one that was frozen meanwhile sees that it has lost it and lets go.
 */

import type { Target } from '../engine.ts'
import { type Cluster, hasStatus } from './cluster/connect.ts'
import { collectionPath, objectPath } from './cluster/kinds.ts'
import type { Lease } from './cluster/objects.ts'
import { ownerLabels, recordName } from './names.ts'

export interface Holder {
  platform: string
  /** Of the process; another after every start. */
  instance: string
}

const TRIES = 10
/** For those who look: nobody waits for it to run out. */
const DURATION_SECONDS = 3600

export async function takeLease(cluster: Cluster, target: Target, holder: Holder): Promise<Lease> {
  const name = recordName(target)
  const identity = identityOf(holder)
  for (let tries = 1; ; tries += 1) {
    const path = objectPath('Lease', cluster.namespace, name)
    const found = await cluster.request<Lease>('GET', path).catch((error) => {
      if (hasStatus(error, 404)) return null
      throw error
    })
    if (found?.spec.holderIdentity === identity) return found
    const now = `${new Date().toISOString().slice(0, -1)}000Z`
    const lease: Lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name,
        namespace: cluster.namespace,
        ...(found ? { resourceVersion: found.metadata.resourceVersion as string } : {}),
        labels: {
          ...ownerLabels(holder.platform, target),
        },
      },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: DURATION_SECONDS,
        acquireTime: now,
        renewTime: now,
        leaseTransitions: (found?.spec.leaseTransitions ?? 0) + (found ? 1 : 0),
      },
    }
    try {
      return found
        ? await cluster.request<Lease>('PUT', path, { body: lease })
        : await cluster.request<Lease>('POST', collectionPath('Lease', cluster.namespace), { body: lease })
    } catch (error) {
      if (!hasStatus(error, 409) || tries === TRIES) throw error
    }
  }
}

export function isHeldBy(lease: Lease | null, holder: Holder): boolean {
  return lease?.spec.holderIdentity === identityOf(holder)
}

function identityOf({ platform, instance }: Holder): string {
  return `${platform}/${instance}`
}
