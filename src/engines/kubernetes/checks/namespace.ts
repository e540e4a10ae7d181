/** What the namespace is like: whether it is there, what it lets in, and what is measured in it. */
import { TowError } from '../../../api/errors.ts'
import { hasStatus } from '../cluster/connect.ts'
import { collectionPath } from '../cluster/kinds.ts'
import type { Look } from './check.ts'

const ENFORCE = 'pod-security.kubernetes.io/enforce'

export const checkNamespace: Look = async (cluster, { namespace }) => {
  const fit = 'apps keep to the strictest level, restricted'
  try {
    const { metadata, status } = await cluster.request<{
      metadata: { labels?: Record<string, string> }
      status?: { phase?: string }
    }>('GET', `/api/v1/namespaces/${namespace}`)
    if (status?.phase === 'Terminating') {
      throw new TowError('REFUSED', `the namespace ${namespace} is being deleted`, {
        hint: 'wait until it is gone and make it anew, or name another',
      })
    }
    const level = metadata.labels?.[ENFORCE]
    return level
      ? `${namespace} is there and enforces Pod Security ${level}; ${fit}`
      : `${namespace} is there and enforces no Pod Security level by a label of its own; ${fit}`
  } catch (error) {
    if (hasStatus(error, 403))
      return `${namespace} itself may not be read, nor its Pod Security level; ${fit}`
    if (!hasStatus(error, 404)) throw error
    throw new TowError('NOT_FOUND', `there is no namespace ${namespace}`, {
      hint: `kubectl create namespace ${namespace}`,
    })
  }
}

export const checkMetrics: Look = async (cluster, { namespace }) => {
  try {
    await cluster.request('GET', collectionPath('PodMetrics', namespace), { query: { limit: 1 } })
    return 'CPU and memory of processes are measured'
  } catch (error) {
    if (hasStatus(error, 403))
      return 'CPU and memory may not be read, so tow ps shows none: it is part of charts/access'
    if (!hasStatus(error, 404, 503)) throw error
    return 'CPU and memory are not measured here, so tow ps shows none: the cluster has no metrics API'
  }
}

/** Whether policies are enforced is up to the network of the cluster, which no API tells. */
export const checkReach: Look = async (_cluster, { gateways, values }) => {
  const policy = values.networkPolicy as { enabled?: boolean } | undefined
  if (policy?.enabled === false) return 'every pod of the cluster may reach the apps: networkPolicy is off'
  const from = gateways.map((one) => one.namespace).filter((one) => one !== undefined)
  const gateway = from.length > 0 ? `the Gateway (namespace ${[...new Set(from)].join(', ')}) and ` : ''
  return `${gateway}apps that name each other in \`needs\` may reach an app, where the cluster’s network obeys NetworkPolicy`
}
