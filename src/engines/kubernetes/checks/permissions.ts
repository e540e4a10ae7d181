/** Whether the Role of `charts/access` is given to whoever the platform speaks as: each verb of it is asked for. */
import { TowError } from '../../../api/errors.ts'
import type { Cluster } from '../cluster/connect.ts'
import type { Look } from './check.ts'

const CHANGE = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']

/** The same as in charts/access/templates/role.yaml, which a test holds. */
export const NEEDED: { group: string; resources: string[]; verbs: string[] }[] = [
  { group: '', resources: ['services', 'serviceaccounts', 'secrets'], verbs: CHANGE },
  { group: 'apps', resources: ['deployments'], verbs: CHANGE },
  { group: 'batch', resources: ['jobs', 'cronjobs'], verbs: CHANGE },
  { group: 'policy', resources: ['poddisruptionbudgets'], verbs: CHANGE },
  { group: 'autoscaling', resources: ['horizontalpodautoscalers'], verbs: CHANGE },
  { group: 'networking.k8s.io', resources: ['networkpolicies'], verbs: CHANGE },
  { group: 'gateway.networking.k8s.io', resources: ['httproutes', 'grpcroutes'], verbs: CHANGE },
  { group: 'coordination.k8s.io', resources: ['leases'], verbs: CHANGE },
  { group: '', resources: ['pods', 'events'], verbs: ['get', 'list', 'watch'] },
  { group: '', resources: ['pods/log'], verbs: ['get'] },
  { group: 'metrics.k8s.io', resources: ['pods'], verbs: ['get', 'list'] },
  { group: '', resources: ['pods/exec', 'pods/attach', 'pods/portforward'], verbs: ['get', 'create'] },
]

interface Wanted {
  group: string
  resource: string
  verb: string
}

const AT_ONCE = 8

export const checkPermissions: Look = async (cluster, { namespace }) => {
  if (!(await isAllowed(cluster, { group: '*', resource: '*', verb: '*' }))) {
    const missing = await findMissing(cluster)
    if (missing.length > 0) throw notAllowed(namespace, missing)
  }
  return `everything that is needed is allowed in the namespace ${namespace}`
}

async function findMissing(cluster: Cluster): Promise<Wanted[]> {
  const asked = NEEDED.flatMap(({ group, resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => ({ group, resource, verb }))),
  )
  const missing: Wanted[] = []
  const rest = asked.values()
  const ask = async () => {
    for (const one of rest) if (!(await isAllowed(cluster, one))) missing.push(one)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, ask))
  return missing
}

async function isAllowed(cluster: Cluster, { group, resource, verb }: Wanted): Promise<boolean> {
  const [name, subresource] = resource.split('/')
  const attributes = { namespace: cluster.namespace, verb, group, resource: name, subresource }
  const { status } = await cluster.request<{ status: { allowed: boolean } }>(
    'POST',
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    {
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: attributes },
      },
    },
  )
  return status.allowed
}

function notAllowed(namespace: string, missing: readonly Wanted[]): TowError {
  const byResource = Map.groupBy(missing, ({ resource }) => resource)
  const parts = [...byResource].map(
    ([resource, all]) => `${all.map(({ verb }) => verb).join(', ')} ${resource}`,
  )
  return new TowError('FORBIDDEN', `in the namespace ${namespace} it is not allowed to ${parts.join('; ')}`, {
    hint: `have the Role given: helm template towpath charts/access -n ${namespace} --set user=... | kubectl apply -f -`,
  })
}
