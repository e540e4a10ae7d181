/** The table of the hop as it lies in the cluster: what a router begins with while nobody is there to tell it. */
import type { HopTable } from '../../../router/hop/protocol.ts'
import { type Cluster, hasStatus } from '../cluster/connect.ts'
import { collectionPath, objectPath } from '../cluster/kinds.ts'
import type { Secret } from '../cluster/objects.ts'
import { inWords } from '../messages.ts'
import { LABEL } from '../names.ts'
import type { Places } from './ports.ts'

export interface KeptTable {
  table: HopTable
  /** Host to the number of the route that lists it. */
  routes: Places
}

export async function readTable(cluster: Cluster, name: string): Promise<KeptTable | null> {
  const path = objectPath('Secret', cluster.namespace, name)
  const secret = await cluster.request<Secret>('GET', path).catch((error) => {
    if (hasStatus(error, 404)) return null
    throw inWords(error, 'reading the table of the router')
  })
  const part = (key: string) => Buffer.from(secret?.data?.[key] ?? '', 'base64').toString()
  return part('table') === ''
    ? null
    : { table: JSON.parse(part('table')), routes: JSON.parse(part('routes')) }
}

export async function writeTable(
  cluster: Cluster,
  owner: { name: string; hop: string; platform: string },
  { table, routes }: KeptTable,
): Promise<void> {
  const { name, hop, platform } = owner
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64')
  const secret: Secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      namespace: cluster.namespace,
      labels: {
        [LABEL.managedBy]: 'towpath',
        [LABEL.platform]: platform,
        [LABEL.app]: hop,
        [LABEL.kind]: 'table',
      },
    },
    type: 'towpath.dev/table',
    data: { table: encode(table), routes: encode(routes) },
  }
  const put = () => cluster.request('PUT', objectPath('Secret', cluster.namespace, name), { body: secret })
  await put()
    .catch((error) => {
      if (!hasStatus(error, 404)) throw error
      return cluster.request('POST', collectionPath('Secret', cluster.namespace), { body: secret })
    })
    .catch((error) => {
      throw inWords(error, 'keeping the table of the router')
    })
}

export async function removeTable(cluster: Cluster, name: string): Promise<void> {
  await cluster.request('DELETE', objectPath('Secret', cluster.namespace, name)).catch((error) => {
    if (!hasStatus(error, 404)) throw inWords(error, 'removing the table of the router')
  })
}
