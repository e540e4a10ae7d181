/** What the nodes run. Nodes are outside the namespace; who may not read them is told what the API server runs on. */
import { type Cluster, hasStatus } from './cluster/connect.ts'

const NAMES: Record<string, 'x64' | 'arm64'> = { amd64: 'x64', arm64: 'arm64' }

export async function architectureOf(cluster: Cluster): Promise<'x64' | 'arm64'> {
  try {
    const { items } = await cluster.request<{ items: { status: { nodeInfo: { architecture: string } } }[] }>(
      'GET',
      '/api/v1/nodes',
      { query: { limit: 200 } },
    )
    const found = new Set(items.map((node) => NAMES[node.status.nodeInfo.architecture]))
    if (found.has('x64')) return 'x64'
    if (found.has('arm64')) return 'arm64'
  } catch (error) {
    if (!hasStatus(error, 401, 403)) throw error
  }
  const { platform } = await cluster.request<{ platform: string }>('GET', '/version')
  return NAMES[platform.split('/')[1] ?? ''] ?? 'x64'
}
