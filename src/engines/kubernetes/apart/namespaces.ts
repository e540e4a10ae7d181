/**
 * Namespaces that are made for full spaces, and removed with them: under the optional ClusterRole of charts/access, which
 * lets make and remove namespaces of one prefix and label, and give itself the shipped Role in them.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { isAllowed, requirePermissions } from '../checks/permissions.ts'
import { type Cluster, hasStatus } from '../cluster/connect.ts'
import { inWords } from '../messages.ts'
import { LABEL, madePrefix, spaceRole } from '../names.ts'
import { isLeaving } from './messages.ts'

const RBAC = 'rbac.authorization.k8s.io'
const LOOK_MILLISECONDS = 250
/** How long the API server may take to hear of a RoleBinding. */
const PATIENCE_MILLISECONDS = 15_000

const pathOf = (namespace: string) => `/api/v1/namespaces/${namespace}`

interface Namespace {
  metadata: { uid: string; labels?: Record<string, string> }
  status?: { phase?: string }
}

export interface Right {
  what: string
  isGiven: boolean
}

/** What making a namespace for a space of this one takes, and whether it is given. */
export function rightsToMake(cluster: Cluster): Promise<Right[]> {
  const everywhere = true
  const asked = [
    ...['create', 'get', 'delete'].map((verb) => ({ group: '', resource: 'namespaces', verb, everywhere })),
    { group: RBAC, resource: 'rolebindings', verb: 'create', everywhere },
    { group: RBAC, resource: 'clusterroles', verb: 'bind', everywhere, name: spaceRole(cluster.namespace) },
  ]
  return Promise.all(
    asked.map(async (one) => ({
      what: `${one.verb} ${one.resource}`,
      isGiven: await isAllowed(cluster, one),
    })),
  )
}

/** Another at each time: the one before may still be on its way out. */
export function newName(home: string, space: string): string {
  return `${madePrefix(home)}${space}-${randomBytes(3).toString('hex')}`
}

/** Makes it where it is not there, and is given the Role in it. */
export async function makeNamespace(
  home: Cluster,
  namespace: string,
  owner: { platform: string; environment: string; space: string },
): Promise<void> {
  const there = await findNamespace(home, namespace)
  if (there?.status?.phase === 'Terminating') throw isLeaving(namespace)
  if (!there) {
    const labels = {
      [LABEL.managedBy]: 'towpath',
      [LABEL.platform]: owner.platform,
      [LABEL.environment]: owner.environment,
      [LABEL.space]: owner.space,
      [LABEL.spacesOf]: home.namespace,
      'pod-security.kubernetes.io/enforce': 'restricted',
    }
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } }
    await home.request('POST', '/api/v1/namespaces', { body }).catch((error) => {
      throw inWords(error, `making the namespace ${namespace}`)
    })
  }
  await bindRole(home, namespace)
}

/** Whoever may do everything needs no Role. */
async function bindRole(home: Cluster, namespace: string): Promise<void> {
  const inside = home.inside(namespace)
  if (await isAllowed(inside, { group: '*', resource: '*', verb: '*' })) return
  const { status } = await home.request<{ status: { userInfo: { username: string } } }>(
    'POST',
    '/apis/authentication.k8s.io/v1/selfsubjectreviews',
    { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' } },
  )
  const body = {
    apiVersion: `${RBAC}/v1`,
    kind: 'RoleBinding',
    metadata: { name: 'towpath', namespace, labels: { [LABEL.managedBy]: 'towpath' } },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: spaceRole(home.namespace) },
    subjects: [{ apiGroup: RBAC, kind: 'User', name: status.userInfo.username }],
  }
  await home
    .request('POST', `/apis/${RBAC}/v1/namespaces/${namespace}/rolebindings`, { body })
    .catch((error) => {
      if (!hasStatus(error, 409)) throw inWords(error, `the RoleBinding in the namespace ${namespace}`)
    })
  for (const end = Date.now() + PATIENCE_MILLISECONDS; ; await delay(LOOK_MILLISECONDS)) {
    try {
      return await requirePermissions(inside)
    } catch (error) {
      if (Date.now() > end) throw error
    }
  }
}

/** Settles when nothing is left of it. */
export async function removeNamespace(home: Cluster, namespace: string, signal: AbortSignal): Promise<void> {
  for (let asked = false; ; await delay(LOOK_MILLISECONDS, undefined, { signal })) {
    const there = await findNamespace(home, namespace)
    if (!there) return
    // Whoever made another one of this name since has not marked it as ours.
    if (there.metadata.labels?.[LABEL.spacesOf] !== home.namespace) return
    if (asked || there.status?.phase === 'Terminating') continue
    const preconditions = { uid: there.metadata.uid }
    await home
      .request('DELETE', pathOf(namespace), {
        body: { apiVersion: 'v1', kind: 'DeleteOptions', preconditions },
      })
      .catch((error) => {
        if (!hasStatus(error, 404, 409)) throw inWords(error, `removing the namespace ${namespace}`)
      })
    asked = true
  }
}

/** It is not there, or on its way out. */
export async function isGone(home: Cluster, namespace: string): Promise<boolean> {
  const there = await findNamespace(home, namespace)
  return there === null || there.status?.phase === 'Terminating'
}

async function findNamespace(home: Cluster, namespace: string): Promise<Namespace | null> {
  return home.request<Namespace>('GET', pathOf(namespace)).catch((error) => {
    if (hasStatus(error, 404)) return null
    throw inWords(error, `reading the namespace ${namespace}`)
  })
}
