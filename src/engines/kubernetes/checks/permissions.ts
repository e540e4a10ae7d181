/** Whether the Role of `charts/access` is given to whoever the platform speaks as: each verb of it is asked for. */
import { TowError } from '../../../api/errors.ts'
import type { Cluster } from '../cluster/connect.ts'
import type { Look } from './check.ts'

/** Not there in every cluster; its own check tells what is missing without it. */
const METRICS = 'metrics.k8s.io'
const CHANGE = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']

/** The same as in charts/access/templates/role.yaml, which a test holds. */
export const NEEDED: { group: string; resources: string[]; verbs: string[] }[] = [
  { group: '', resources: ['services', 'serviceaccounts', 'secrets'], verbs: CHANGE },
  { group: 'apps', resources: ['deployments'], verbs: CHANGE },
  { group: 'batch', resources: ['jobs', 'cronjobs'], verbs: CHANGE },
  { group: 'policy', resources: ['poddisruptionbudgets'], verbs: CHANGE },
  { group: 'autoscaling', resources: ['horizontalpodautoscalers'], verbs: CHANGE },
  { group: 'networking.k8s.io', resources: ['networkpolicies'], verbs: CHANGE },
  {
    group: 'gateway.networking.k8s.io',
    resources: ['httproutes', 'grpcroutes', 'referencegrants'],
    verbs: CHANGE,
  },
  { group: 'coordination.k8s.io', resources: ['leases'], verbs: CHANGE },
  { group: '', resources: ['pods', 'events'], verbs: ['get', 'list', 'watch'] },
  { group: 'discovery.k8s.io', resources: ['endpointslices'], verbs: ['get', 'list', 'watch'] },
  { group: '', resources: ['pods/log'], verbs: ['get'] },
  { group: METRICS, resources: ['pods'], verbs: ['get', 'list'] },
  { group: '', resources: ['pods/exec', 'pods/attach', 'pods/portforward'], verbs: ['get', 'create'] },
]

export interface Wanted {
  group: string
  resource: string
  verb: string
}

const AT_ONCE = 8

export const checkPermissions: Look = async (cluster, { namespace }) => {
  await requirePermissions(cluster)
  return `everything that is needed is allowed in the namespace ${namespace}`
}

/** FORBIDDEN where anything of the Role is not given in the namespace. */
export async function requirePermissions(cluster: Cluster): Promise<void> {
  if (await isAllowed(cluster, { group: '*', resource: '*', verb: '*' })) return
  const { missing, isNothing } = await findMissing(cluster)
  if (missing.length > 0) throw notAllowed(cluster.namespace, isNothing ? null : missing)
}

async function findMissing(cluster: Cluster): Promise<{ missing: Wanted[]; isNothing: boolean }> {
  const asked = NEEDED.filter(({ group }) => group !== METRICS).flatMap(({ group, resources, verbs }) =>
    resources.flatMap((resource) => verbs.map((verb) => ({ group, resource, verb }))),
  )
  const allowed = new Set<Wanted>()
  const rest = asked.values()
  const ask = async () => {
    for (const one of rest) if (await isAllowed(cluster, one)) allowed.add(one)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, ask))
  const isNothing = allowed.size === 0
  return { missing: asked.filter((one) => !allowed.has(one)), isNothing }
}

/** `everywhere`: in no namespace; `name`: of the object. */
export async function isAllowed(
  cluster: Cluster,
  { group, resource, verb, everywhere, name: named }: Wanted & { everywhere?: boolean; name?: string },
): Promise<boolean> {
  const [name, subresource] = resource.split('/')
  const namespace = everywhere ? '' : cluster.namespace
  const attributes = { namespace, verb, group, resource: name, subresource, name: named }
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

/** `missing`: null where nothing is allowed at all. */
function notAllowed(namespace: string, missing: readonly Wanted[] | null): TowError {
  const byResource = Map.groupBy(missing ?? [], ({ resource }) => resource)
  const parts = [...byResource].map(
    ([resource, all]) => `${all.map(({ verb }) => verb).join(', ')} ${resource}`,
  )
  const what = missing
    ? `it is not allowed to ${parts.join('; ')}`
    : 'nothing is allowed of what Towpath does'
  return new TowError('FORBIDDEN', `in the namespace ${namespace} ${what}`, {
    hint: `have the Role given: helm template towpath charts/access -n ${namespace} --set user=... | kubectl apply -f -`,
  })
}
