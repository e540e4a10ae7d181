/**
 * The checklist of `tow env add` and `tow doctor`: whether the cluster, the namespace and the registry let Towpath do its
 * work. Every failure has its mend. Nothing is changed by looking.
 */
import { TowError } from '../../../api/errors.ts'
import type { Check } from '../../engine.ts'
import { type Cluster, connectCluster } from '../cluster/connect.ts'
import type { ImageSource } from '../images.ts'
import { inWords } from '../messages.ts'
import type { Renderer } from '../render/helm.ts'
import type { KubernetesSettings } from '../settings.ts'
import { checkApart } from './apart.ts'
import { checkCapacity } from './capacity.ts'
import { checkGateways } from './gateways.ts'
import { checkMetrics, checkNamespace, checkReach } from './namespace.ts'
import { checkPermissions } from './permissions.ts'

export interface CheckParts {
  settings: KubernetesSettings
  renderer: Renderer
  images: ImageSource
}

/** What is well, in one sentence; a failure is thrown, with the mend as its hint. */
export type Look = (cluster: Cluster, settings: KubernetesSettings) => Promise<string>

const IN_THE_CLUSTER: [name: string, look: Look][] = [
  ['namespace', checkNamespace],
  ['permissions', checkPermissions],
  ['gateway', checkGateways],
  ['metrics', checkMetrics],
  ['capacity', checkCapacity],
  ['reach', checkReach],
  ['full spaces', checkApart],
]

export async function checkCluster({ settings, renderer, images }: CheckParts): Promise<Check[]> {
  const [helm, registry] = await Promise.all([
    attempt('helm', async () => `helm ${await renderer.version()} renders the chart`),
    images.check().catch((error) => [failed('registry', error)]),
  ])
  return [helm, ...(await checksInside(settings)), ...registry]
}

async function checksInside(settings: KubernetesSettings): Promise<Check[]> {
  let cluster: Cluster | null = null
  const reachable = await attempt('cluster', async () => {
    cluster = await connectCluster(settings)
    const { gitVersion } = await cluster.request<{ gitVersion: string }>('GET', '/version', { timeout: 5000 })
    return `${settings.context} answers at ${cluster.server}: Kubernetes ${gitVersion}`
  })
  const reached = cluster as Cluster | null
  try {
    if (!reachable.ok || !reached) return [reachable]
    const looks = IN_THE_CLUSTER.map(([name, look]) => attempt(name, () => look(reached, settings)))
    return [reachable, ...(await Promise.all(looks))]
  } finally {
    reached?.close()
  }
}

async function attempt(name: string, look: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, message: await look() }
  } catch (error) {
    return failed(name, inWords(error, 'it could not be looked at'))
  }
}

function failed(name: string, error: unknown): Check {
  const mend = error instanceof TowError ? error.hint : undefined
  return { name, ok: false, message: (error as Error).message, ...(mend ? { mend } : {}) }
}
