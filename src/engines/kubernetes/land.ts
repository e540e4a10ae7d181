/**
 * Makes the objects of a target what was rendered: server-side apply of what differs, then removal of what is no longer
 * rendered. Every object carries the generation that it was made for, and every write names the version it follows, so
 * that a writer that was overtaken is refused by the API server itself. Of what is there as it should be only the generation
 * is written, by `stamp`, which has time: each such write is news for everybody who follows these objects.
 */

import type { Target } from '../engine.ts'
import { type Cluster, hasStatus } from './cluster/connect.ts'
import { type KindName, type KubeObject, MEMBER_KINDS, objectPath } from './cluster/kinds.ts'
import { foreignObject, inWords, olderGeneration } from './messages.ts'
import type { Mirror } from './mirror.ts'
import { ANNOTATION, applySetId, FIELD_MANAGER, LABEL, recordName, sha256 } from './names.ts'

export interface Landing {
  target: Target
  generation: number
  objects: KubeObject[]
  /** Asked right before anything is removed: whether it may be. Throws when somebody else has taken over. */
  confirm(gone: readonly KubeObject[]): Promise<boolean>
}

const TRIES = 8
/** What others lean on comes first. */
const ORDER: readonly (readonly KindName[])[] = [
  ['ServiceAccount', 'NetworkPolicy', 'ReferenceGrant'],
  ['Service', 'Deployment', 'PodDisruptionBudget', 'CronJob', 'HorizontalPodAutoscaler'],
  ['HTTPRoute', 'GRPCRoute'],
]

/** Whether everything that was rendered is there, made from just that, and nothing else is. */
export function isLanded(mirror: Mirror, landing: Omit<Landing, 'confirm'>, namespace: string): boolean {
  const set = applySetId(recordName(landing.target), namespace)
  return (
    wantedBy(landing, namespace).every((object) =>
      isSame(liveOf(mirror, object), object, 'of any generation'),
    ) && surplus(mirror, landing.objects, set).length === 0
  )
}

/** Whether everything that was rendered carries the generation too. */
export function isStamped(mirror: Mirror, landing: Omit<Landing, 'confirm'>, namespace: string): boolean {
  return wantedBy(landing, namespace).every((object) => isSame(liveOf(mirror, object), object))
}

function wantedBy(
  { target, generation, objects }: Omit<Landing, 'confirm'>,
  namespace: string,
): KubeObject[] {
  const set = applySetId(recordName(target), namespace)
  return objects.map((object) => stamped(object, generation, set))
}

export async function land(cluster: Cluster, mirror: Mirror, landing: Landing): Promise<void> {
  const { objects, generation } = landing
  const changed = wantedBy(landing, cluster.namespace).filter(
    (object) => !isSame(liveOf(mirror, object), object, 'of any generation'),
  )
  for (const kinds of ORDER) {
    const turn = changed.filter(({ kind }) => kinds.includes(kind as KindName))
    await applyAll(cluster, mirror, landing, turn)
  }
  const gone = surplus(mirror, objects, applySetId(recordName(landing.target), cluster.namespace))
  if (gone.length === 0) return
  if (!(await landing.confirm(gone))) return
  // Routes first: a Gateway that finds one whose Service is gone writes that down, and keeps others waiting meanwhile.
  for (const turn of [gone.filter(isRoute), gone.filter((object) => !isRoute(object))]) {
    await Promise.all(turn.map((object) => removeOne(cluster, mirror, generation, object)))
  }
}

/** Writes the generation where nothing else differs. */
export async function stamp(
  cluster: Cluster,
  mirror: Mirror,
  landing: Omit<Landing, 'confirm'>,
): Promise<void> {
  await applyAll(cluster, mirror, landing, wantedBy(landing, cluster.namespace))
}

/** All of them are tried: one that is refused must not hide what is wrong with the others. */
async function applyAll(
  cluster: Cluster,
  mirror: Mirror,
  { target, generation }: Omit<Landing, 'confirm'>,
  turn: readonly KubeObject[],
): Promise<void> {
  const outcomes = await Promise.allSettled(
    turn.map((object) => applyOne(cluster, mirror, target, generation, object)),
  )
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

const isRoute = ({ kind }: KubeObject) => kind === 'HTTPRoute' || kind === 'GRPCRoute'

async function applyOne(
  cluster: Cluster,
  mirror: Mirror,
  target: Target,
  generation: number,
  object: KubeObject,
): Promise<void> {
  const kind = object.kind as keyof Mirror['members']
  const { name } = object.metadata
  const path = objectPath(kind, cluster.namespace, name)
  const known = mirror.members[kind]
  let live = known.get(name) ?? (await fetchOne(cluster, path))
  for (let tries = 1; ; tries += 1) {
    if (live) {
      if (live.metadata.labels?.[LABEL.partOf] !== object.metadata.labels?.[LABEL.partOf]) {
        throw foreignObject(kind, name, cluster.namespace)
      }
      const theirs = Number(live.metadata.annotations?.[ANNOTATION.generation] ?? 0)
      if (theirs > generation) throw olderGeneration(target, generation, theirs)
      if (isSame(live, object)) return
    }
    try {
      const made = await cluster.request<KubeObject>('PATCH', path, {
        query: { fieldManager: FIELD_MANAGER, force: true, fieldValidation: 'Strict' },
        contentType: 'application/apply-patch+yaml',
        body: {
          ...object,
          metadata: {
            ...object.metadata,
            ...(live ? { resourceVersion: live.metadata.resourceVersion, uid: live.metadata.uid } : {}),
          },
        },
      })
      known.put(made)
      return
    } catch (error) {
      if (!hasStatus(error, 409) || tries === TRIES) throw inWords(error, `${kind} ${name}`)
      live = await fetchOne(cluster, path)
    }
  }
}

async function removeOne(
  cluster: Cluster,
  mirror: Mirror,
  generation: number,
  object: KubeObject,
): Promise<void> {
  const kind = object.kind as keyof Mirror['members']
  const { name, uid, resourceVersion } = object.metadata
  // Made for a newer wish than this one: its own pass knows what is to become of it.
  if (Number(object.metadata.annotations?.[ANNOTATION.generation] ?? 0) > generation) return
  // Of what changes by itself all the time only the identity can be named.
  const preconditions = kind === 'Deployment' || kind === 'CronJob' ? { uid } : { uid, resourceVersion }
  try {
    await cluster.request('DELETE', objectPath(kind, cluster.namespace, name), {
      body: { apiVersion: 'v1', kind: 'DeleteOptions', propagationPolicy: 'Background', preconditions },
    })
    mirror.members[kind].drop(name)
  } catch (error) {
    // Gone already, or changed since: the next pass looks again.
    if (!hasStatus(error, 404, 409)) throw inWords(error, `removing ${kind} ${name}`)
  }
}

async function fetchOne(cluster: Cluster, path: string): Promise<KubeObject | null> {
  try {
    return await cluster.request<KubeObject>('GET', path)
  } catch (error) {
    if (hasStatus(error, 404)) return null
    throw inWords(error, 'reading what is there')
  }
}

/** As it is sent: a member of the inventory, of a generation, made from just this. */
export function stamped(object: KubeObject, generation: number, set: string): KubeObject {
  const { metadata } = object
  return {
    ...object,
    metadata: {
      ...metadata,
      labels: { ...metadata.labels, [LABEL.partOf]: set },
      annotations: {
        ...metadata.annotations,
        [ANNOTATION.generation]: String(generation),
        [ANNOTATION.inputs]: sha256(JSON.stringify(object)).slice(0, 16),
      },
    },
  }
}

function liveOf(mirror: Mirror, { kind, metadata }: KubeObject): KubeObject | null {
  return mirror.members[kind as keyof Mirror['members']].get(metadata.name)
}

function isSame(live: KubeObject | null, object: KubeObject, generations?: 'of any generation'): boolean {
  if (!live) return false
  const [has, wants] = [live.metadata.annotations ?? {}, object.metadata.annotations ?? {}]
  return (
    live.metadata.deletionTimestamp === undefined &&
    live.metadata.labels?.[LABEL.partOf] === object.metadata.labels?.[LABEL.partOf] &&
    (generations !== undefined || has[ANNOTATION.generation] === wants[ANNOTATION.generation]) &&
    has[ANNOTATION.inputs] === wants[ANNOTATION.inputs]
  )
}

/** Members of the inventory that are no longer rendered. */
function surplus(mirror: Mirror, objects: readonly KubeObject[], set: string): KubeObject[] {
  const wanted = new Set(objects.map((object) => `${object.kind}/${object.metadata.name}`))
  return MEMBER_KINDS.flatMap((kind) =>
    mirror.members[kind]
      .all()
      .filter(
        (object) =>
          object.metadata.labels?.[LABEL.partOf] === set &&
          object.metadata.deletionTimestamp === undefined &&
          !wanted.has(`${kind}/${object.metadata.name}`),
      )
      // Lists leave the kind of their items out.
      .map((object) => ({ ...object, kind })),
  )
}
