/** What somebody else changed of what was applied: the API server itself says what a new apply would change. */
import type { Difference, Target } from '../engine.ts'
import { type Cluster, hasStatus } from './cluster/connect.ts'
import { type KindName, type KubeObject, objectPath } from './cluster/kinds.ts'
import { fieldOwner, type Steps } from './field-owner.ts'
import { stamped } from './land.ts'
import { inWords } from './messages.ts'
import { ANNOTATION, applySetId, FIELD_MANAGER, LABEL, recordName } from './names.ts'

export async function findDrift(
  cluster: Cluster,
  target: Target,
  generation: number,
  objects: readonly KubeObject[],
): Promise<Difference[]> {
  const set = applySetId(recordName(target), cluster.namespace)
  const found = await Promise.all(objects.map((object) => driftOf(cluster, stamped(object, generation, set))))
  return found.flat()
}

async function driftOf(cluster: Cluster, object: KubeObject): Promise<Difference[]> {
  const { kind, metadata } = object
  const path = objectPath(kind as KindName, cluster.namespace, metadata.name)
  const live = await cluster.request<KubeObject>('GET', path).catch((error) => {
    if (hasStatus(error, 404)) return null
    throw inWords(error, `reading ${kind} ${metadata.name}`)
  })
  if (!live) return [{ message: `${kind} ${metadata.name} is gone` }]
  const asked = await cluster
    .request<KubeObject>('PATCH', path, {
      query: { fieldManager: FIELD_MANAGER, force: true, dryRun: 'All' },
      contentType: 'application/apply-patch+yaml',
      body: object,
    })
    .catch((error) => {
      throw inWords(error, `comparing ${kind} ${metadata.name}`)
    })
  return differences(comparable(live), comparable(asked)).map(({ steps, is, wanted }) => {
    const at = pathOf(steps)
    const manager = fieldOwner(live, steps, FIELD_MANAGER)
    const by = manager ? ` (changed by ${manager})` : ''
    return {
      message: `${kind} ${metadata.name}: ${at} is ${shown(at, is)}, asked for is ${shown(at, wanted)}${by}`,
      ...(kind === 'Deployment' && at === 'spec.replicas' ? countOf(object, is) : {}),
    }
  })
}

/** The one difference that Towpath has a word for. */
function countOf({ metadata: { labels } }: KubeObject, count: unknown): Pick<Difference, 'count'> {
  const [set, process] = [labels?.[LABEL.set], labels?.[LABEL.process]]
  if (typeof count !== 'number' || set === undefined || process === undefined) return {}
  return { count: { set, process, count } }
}

/** Everything but what the server keeps for itself, and the generation, which is written when there is time. */
function comparable(object: KubeObject): object {
  const { status: _status, metadata, ...rest } = object as KubeObject & { status?: unknown }
  const { [ANNOTATION.generation]: _generation, ...annotations } = metadata.annotations ?? {}
  return { ...rest, metadata: { labels: metadata.labels, annotations } }
}

interface Leaf {
  steps: Steps
  is: unknown
  wanted: unknown
}

/** Leaves that differ; lists of another length as a whole. */
function differences(is: unknown, wanted: unknown, steps: Steps = []): Leaf[] {
  if (JSON.stringify(is) === JSON.stringify(wanted)) return []
  if (isMap(is) && isMap(wanted)) {
    const keys = [...new Set([...Object.keys(is), ...Object.keys(wanted)])]
    return keys.flatMap((key) => differences(is[key], wanted[key], [...steps, key]))
  }
  if (Array.isArray(is) && Array.isArray(wanted) && is.length === wanted.length) {
    return is.flatMap((item, index) => differences(item, wanted[index], [...steps, index]))
  }
  return [{ steps, is, wanted }]
}

/** `spec.containers[0].image`, for people. */
function pathOf(steps: Steps): string {
  return steps
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`))
    .join('')
    .slice(1)
}

function isMap(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** What somebody wrote into an environment by hand may be a secret. */
const HIDDEN = /\.(env|envFrom|command|args)(\[|\.|$)/

function shown(path: string, value: unknown): string {
  if (value === undefined) return 'not set'
  if (HIDDEN.test(path)) return 'something (hidden)'
  const text = JSON.stringify(value)
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
