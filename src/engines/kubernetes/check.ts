/** What `tow doctor` says about the cluster. */
import type { Check } from '../engine.ts'
import { type Cluster, hasStatus } from './cluster/connect.ts'
import type { ImageSource } from './images.ts'
import type { Renderer } from './render/helm.ts'
import type { Session } from './session.ts'
import type { KubernetesSettings } from './settings.ts'

export interface CheckParts {
  settings: KubernetesSettings
  session(): Promise<Session>
  renderer: Renderer
  images: ImageSource
}

export async function checkCluster({ settings, session, renderer, images }: CheckParts): Promise<Check[]> {
  const checks: Check[] = []
  const attempt = async (name: string, work: () => Promise<string>) => {
    try {
      checks.push({ name, ok: true, message: await work() })
    } catch (error) {
      const { message, hint } = error as Error & { hint?: string }
      checks.push({ name, ok: false, message, ...(hint ? { mend: hint } : {}) })
    }
  }
  await attempt('helm', async () => `helm ${await renderer.version()} renders the chart`)
  await attempt('cluster', async () => {
    const { cluster } = await session()
    const { gitVersion } = await cluster.request<{ gitVersion: string }>('GET', '/version')
    return `${settings.context} answers at ${cluster.server}: Kubernetes ${gitVersion}`
  })
  if (!checks.at(-1)?.ok) return checks
  await attempt('permissions', async () => {
    const missing = (await session()).mirror.missing()
    if (missing.length > 0)
      throw Object.assign(new Error(missing.join('; ')), { hint: 'apply charts/access' })
    return `everything that is needed may be read in the namespace ${settings.namespace}`
  })
  checks.push(...(await images.check()))
  return checks
}

/** Of the nodes, as far as they may be read; nodes are outside the namespace. */
export async function nodeArchitectures(cluster: Cluster): Promise<('x64' | 'arm64')[]> {
  try {
    const { items } = await cluster.request<{ items: { status: { nodeInfo: { architecture: string } } }[] }>(
      'GET',
      '/api/v1/nodes',
      { query: { limit: 200 } },
    )
    const found = new Set(items.map((node) => node.status.nodeInfo.architecture))
    return [
      ...(found.has('amd64') ? ['x64' as const] : []),
      ...(found.has('arm64') ? ['arm64' as const] : []),
    ]
  } catch (error) {
    if (hasStatus(error, 401, 403)) return []
    throw error
  }
}
