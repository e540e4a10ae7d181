/**
 * What there is to run on: what a quota leaves the namespace, else what the nodes have. `charts/access` allows to read
 * either where it is asked for (`capacity=true`); elsewhere it is not known.
 */
import type { Capacity } from '../engine.ts'
import { type Cluster, hasStatus } from './cluster/connect.ts'
import { cores, memoryBytes } from './observe/quantities.ts'

interface Quota {
  status?: { hard?: Record<string, string> }
}
interface Node {
  spec: { unschedulable?: boolean }
  status: { allocatable?: Record<string, string> }
}

export async function capacityOf(cluster: Cluster): Promise<Capacity> {
  const quotas = await listed<Quota>(cluster, `/api/v1/namespaces/${cluster.namespace}/resourcequotas`)
  const hard = quotas.map(({ status }) => status?.hard ?? {})
  const cpus = least(hard.flatMap((one) => one['requests.cpu'] ?? one.cpu ?? []).map(cores))
  const memory = least(hard.flatMap((one) => one['requests.memory'] ?? one.memory ?? []).map(memoryBytes))
  if (cpus !== null || memory !== null)
    return { of: `the quota of the namespace ${cluster.namespace}`, cpus, memoryBytes: memory }
  const nodes = (await listed<Node>(cluster, '/api/v1/nodes')).filter(({ spec }) => !spec.unschedulable)
  if (nodes.length === 0) return { of: null, cpus: null, memoryBytes: null }
  const sum = (of: (allocatable: Record<string, string>) => number) =>
    nodes.reduce((total, { status }) => total + of(status.allocatable ?? {}), 0)
  return {
    of: nodes.length === 1 ? 'one node' : `${nodes.length} nodes`,
    cpus: sum(({ cpu = '0' }) => cores(cpu)),
    memoryBytes: sum(({ memory = '0' }) => memoryBytes(memory)),
  }
}

/** Nothing where whoever asks may not read it. */
async function listed<Item>(cluster: Cluster, path: string): Promise<Item[]> {
  try {
    const { items } = await cluster.request<{ items: Item[] }>('GET', path, { query: { limit: 1000 } })
    return items
  } catch (error) {
    if (hasStatus(error, 401, 403)) return []
    throw error
  }
}

const least = (values: readonly number[]): number | null => (values.length === 0 ? null : Math.min(...values))
