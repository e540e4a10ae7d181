/** Secrets for pulling images that the environment's values name: copied to where its copies run, and taken away again. */
import { type Cluster, hasStatus } from '../cluster/connect.ts'
import { collectionPath, objectPath } from '../cluster/kinds.ts'
import type { Secret } from '../cluster/objects.ts'
import { inWords } from '../messages.ts'
import { LABEL } from '../names.ts'

const KIND = 'pull'

export async function copyPullSecrets(
  home: Cluster,
  inside: Cluster,
  platform: string,
  values: Record<string, unknown>,
): Promise<void> {
  for (const name of (values.imagePullSecrets ?? []) as string[]) {
    try {
      // One of this name that an operator put there is theirs.
      if (await find(inside, name)) continue
      const found = await find(home, name)
      if (!found) continue
      const labels = { [LABEL.managedBy]: 'towpath', [LABEL.platform]: platform, [LABEL.kind]: KIND }
      const metadata = { name, namespace: inside.namespace, labels }
      const { type, data } = found
      const body = { apiVersion: 'v1', kind: 'Secret', metadata, type, data }
      await inside.request('POST', collectionPath('Secret', inside.namespace), { body })
    } catch (error) {
      throw inWords(error, `copying the Secret ${name}, by which images are pulled, to ${inside.namespace}`)
    }
  }
}

export async function removePullSecrets(inside: Cluster, platform: string): Promise<void> {
  const labelSelector = `${LABEL.platform}=${platform},${LABEL.kind}=${KIND}`
  const path = collectionPath('Secret', inside.namespace)
  const { items } = await inside.request<{ items: Secret[] }>('GET', path, { query: { labelSelector } })
  for (const { metadata } of items) {
    await inside.request('DELETE', objectPath('Secret', inside.namespace, metadata.name)).catch((error) => {
      if (!hasStatus(error, 404)) throw error
    })
  }
}

/** Without one the cluster says itself what it cannot pull. */
async function find({ request, namespace }: Cluster, name: string): Promise<Secret | null> {
  return request<Secret>('GET', objectPath('Secret', namespace, name)).catch((error) => {
    if (hasStatus(error, 404)) return null
    throw error
  })
}
