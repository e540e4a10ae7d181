/**
 * The record of a target: one Secret that is also the parent of its inventory (an ApplySet). Every write is guarded by
 * the version that was read, so that of two writers one is refused, and an older generation never follows a newer one.
 */
import { randomBytes } from 'node:crypto'
import { TowError } from '../../api/errors.ts'
import type { Target } from '../engine.ts'
import { type Cluster, hasStatus } from './cluster/connect.ts'
import { collectionPath, KINDS, MEMBER_KINDS, objectPath } from './cluster/kinds.ts'
import type { Secret } from './cluster/objects.ts'
import { belongsToOther, olderGeneration, otherEnvironment } from './messages.ts'
import { ANNOTATION, applySetId, LABEL, nameOf, ownerLabels, recordName } from './names.ts'
import { emptyStored, type Stored } from './stored.ts'

export interface TargetRecord {
  stored: Stored
  /** Makes names of config Secrets that tell nothing of what is in them; base64. */
  key: string
  resourceVersion: string
}

const TRIES = 10

export function readRecord(secret: Secret): TargetRecord | null {
  const text = secret.data?.stored
  const key = secret.data?.key
  if (text === undefined || key === undefined) return null
  return {
    stored: JSON.parse(Buffer.from(text, 'base64').toString()) as Stored,
    key,
    resourceVersion: secret.metadata.resourceVersion ?? '',
  }
}

export async function fetchRecord(
  cluster: Cluster,
  target: Target,
): Promise<{ secret: Secret; record: TargetRecord } | null> {
  try {
    return withRecord(
      await cluster.request<Secret>('GET', objectPath('Secret', cluster.namespace, recordName(target))),
    )
  } catch (error) {
    if (hasStatus(error, 404)) return null
    throw error
  }
}

function withRecord(secret: Secret): { secret: Secret; record: TargetRecord } | null {
  const record = readRecord(secret)
  return record ? { secret, record } : null
}

/**
 * Changes the record: `change` sees what is there now (an empty one where there is none) and answers with what is to
 * be, or null for nothing. It runs again when somebody else was faster. `told`: the record as it was last told, which is good
 * enough to write after, since the version is compared, and not to leave everything as it is.
 */
export async function changeRecord(
  cluster: Cluster,
  owner: { platform: string; target: Target },
  change: (before: Stored) => Stored | null,
  told: Secret | null = null,
): Promise<{ secret: Secret; record: TargetRecord }> {
  const { platform, target } = owner
  let known = told && withRecord(told)
  for (let tries = 1; ; tries += 1) {
    const wasTold = known !== null
    const found = known ?? (await fetchRecord(cluster, target))
    known = null
    if (found) refuseForeign(found.secret, found.record.stored, owner, cluster.namespace)
    const before = found?.record.stored ?? emptyStored(target)
    const after = change(before)
    if (found && (after === null || after === before)) {
      if (wasTold) continue
      return found
    }
    const key = found?.record.key ?? randomBytes(32).toString('base64')
    const next = recordSecret(cluster.namespace, platform, after ?? before, key)
    try {
      const secret = found
        ? await cluster.request<Secret>('PUT', objectPath('Secret', cluster.namespace, next.metadata.name), {
            body: { ...next, metadata: { ...next.metadata, resourceVersion: found.record.resourceVersion } },
          })
        : await cluster.request<Secret>('POST', collectionPath('Secret', cluster.namespace), { body: next })
      return { secret, record: readRecord(secret) as TargetRecord }
    } catch (error) {
      // What was told may have been removed since.
      const isOld = hasStatus(error, 409) || (wasTold && hasStatus(error, 404))
      if (!isOld || tries === TRIES) throw error
    }
  }
}

/** Refuses what comes too late; the same generation again is welcome. */
export function refuseOlder(target: Target, generation: number, before: Stored): void {
  if (generation < before.generation) throw olderGeneration(target, generation, before.generation)
}

function refuseForeign(
  secret: Secret,
  stored: Stored,
  { platform, target }: { platform: string; target: Target },
  namespace: string,
): void {
  const other = secret.metadata.labels?.[LABEL.platform]
  if (other !== platform) throw belongsToOther(nameOf(target), namespace, other ?? 'unknown')
  if (stored.target.environment !== target.environment) {
    throw otherEnvironment(target, namespace, stored.target.environment)
  }
}

function recordSecret(namespace: string, platform: string, stored: Stored, key: string): Secret {
  const name = recordName(stored.target)
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      namespace,
      labels: {
        ...ownerLabels(platform, stored.target),
        [LABEL.kind]: 'record',
        [LABEL.applySet]: applySetId(name, namespace),
      },
      annotations: {
        [ANNOTATION.tooling]: 'towpath/v1',
        [ANNOTATION.kinds]: MEMBER_KINDS.map(groupKind).sort().join(','),
        [ANNOTATION.generation]: String(stored.generation),
      },
    },
    type: 'towpath.dev/record',
    data: { stored: Buffer.from(JSON.stringify(stored)).toString('base64'), key },
  }
}

function groupKind(name: (typeof MEMBER_KINDS)[number]): string {
  const { kind, apiVersion } = KINDS[name]
  return apiVersion.includes('/') ? `${kind}.${apiVersion.split('/')[0]}` : kind
}

/** True for failures that come again however often it is tried with the same inputs. */
export function isRefusal(error: unknown): boolean {
  return error instanceof TowError && ['CONFLICT', 'REFUSED', 'FORBIDDEN', 'BAD_INPUT'].includes(error.code)
}
