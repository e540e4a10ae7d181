/** The Gateways that routes are given to: whether they are there, ready, and take routes from the namespace. */
import { TowError } from '../../../api/errors.ts'
import { type Cluster, hasStatus } from '../cluster/connect.ts'
import { type Gateway, takesRoutes } from '../domains/listeners.ts'
import type { KubernetesSettings } from '../settings.ts'
import type { Look } from './check.ts'

type Named = KubernetesSettings['gateways'][number]

const API = '/apis/gateway.networking.k8s.io/v1'

export const checkGateways: Look = async (cluster, settings) => {
  if (settings.domain === null) return 'no domain is set: apps answer inside the cluster alone'
  const found: string[] = []
  for (const named of settings.gateways) found.push(await look(cluster, named))
  return `${found.join('; ')}. Apps answer at <app>.${settings.domain}`
}

async function look(cluster: Cluster, { name, namespace = cluster.namespace }: Named): Promise<string> {
  const shown = `${namespace}/${name}`
  try {
    const gateway = await cluster.request<Gateway>('GET', `${API}/namespaces/${namespace}/gateways/${name}`)
    if (!takesAny(gateway, cluster.namespace)) throw takesNone(gateway, cluster.namespace)
    const programmed = gateway.status?.conditions?.find(({ type }) => type === 'Programmed')
    if (programmed?.status === 'True') return `the Gateway ${shown} is ready`
    throw new TowError(
      'UNAVAILABLE',
      `the Gateway ${shown} is not ready: ${programmed?.message ?? 'nobody runs it'}`,
      {
        hint: `kubectl -n ${namespace} describe gateway ${name}`,
      },
    )
  } catch (error) {
    if (hasStatus(error, 403)) return `the Gateway ${shown} may not be read, and is taken as it was named`
    if (!hasStatus(error, 404)) throw error
    await requireGatewayApi(cluster)
    throw new TowError('NOT_FOUND', `there is no Gateway ${shown}`, { hint: 'kubectl get gateways -A' })
  }
}

/** The one Gateway that takes routes from the namespace; where that is not plain, it has to be named. */
export async function findGateway(cluster: Cluster): Promise<Named> {
  const all = await listGateways(cluster)
  const fitting = all.filter((gateway) => takesAny(gateway, cluster.namespace))
  const [only, ...others] = fitting.map(({ metadata: { name, namespace } }) => ({ name, namespace }))
  if (!only) {
    const seen = all.map(shownName).join(', ') || 'none'
    throw new TowError(
      'NOT_FOUND',
      `no Gateway takes routes from the namespace ${cluster.namespace}; there is ${seen}`,
      { hint: 'have one made, or its allowedRoutes widened, and name it: --gateway <namespace>/<name>' },
    )
  }
  if (others.length === 0) return only
  throw new TowError(
    'BAD_INPUT',
    `several Gateways take routes from ${cluster.namespace}: ${fitting.map(shownName).join(', ')}`,
    {
      hint: `name one: --gateway ${only.namespace}/${only.name}`,
    },
  )
}

async function listGateways(cluster: Cluster): Promise<Gateway[]> {
  try {
    return (await cluster.request<{ items: Gateway[] }>('GET', `${API}/gateways`, { query: { limit: 500 } }))
      .items
  } catch (error) {
    if (hasStatus(error, 404)) await requireGatewayApi(cluster)
    if (!hasStatus(error, 403)) throw error
    throw new TowError('BAD_INPUT', 'Gateways may not be listed here, so the one to use has to be named', {
      hint: '--gateway <namespace>/<name>; whoever looks after the cluster knows it',
    })
  }
}

async function requireGatewayApi(cluster: Cluster): Promise<void> {
  try {
    await cluster.request('GET', API)
  } catch (error) {
    if (!hasStatus(error, 404)) throw error
    throw new TowError('REFUSED', 'the cluster has no Gateway API, by which requests come in', {
      hint: 'install it with an implementation: https://gateway-api.sigs.k8s.io/implementations/',
    })
  }
}

function takesAny({ metadata, spec }: Gateway, namespace: string): boolean {
  return spec.listeners.some((listener) => takesRoutes(listener, metadata.namespace, namespace))
}

function takesNone(gateway: Gateway, namespace: string): TowError {
  const { name, namespace: where } = gateway.metadata
  const patch =
    '[{"op":"add","path":"/spec/listeners/0/allowedRoutes","value":{"namespaces":{"from":"All"}}}]'
  return new TowError(
    'REFUSED',
    `the Gateway ${shownName(gateway)} takes no routes from the namespace ${namespace}`,
    {
      hint: `for its owner: kubectl -n ${where} patch gateway ${name} --type json -p '${patch}'`,
    },
  )
}

const shownName = ({ metadata }: Gateway) => `${metadata.namespace}/${metadata.name}`
