/** Names, labels and annotations: how what is in the cluster is told apart. Pure. */
import { createHash } from 'node:crypto'

/** Who writes: shown by `kubectl get --show-managed-fields`. */
export const FIELD_MANAGER = 'towpath'

/** The chart's own default, where nothing says otherwise. */
export const WEB_PORT = 8080

export const LABEL = {
  managedBy: 'app.kubernetes.io/managed-by',
  app: 'app.kubernetes.io/name',
  process: 'app.kubernetes.io/component',
  environment: 'towpath.dev/environment',
  platform: 'towpath.dev/platform',
  set: 'towpath.dev/set',
  /** `process`, `cron` or `job` for what runs; `record`, `config` for what is kept. */
  kind: 'towpath.dev/kind',
  partOf: 'applyset.kubernetes.io/part-of',
  applySet: 'applyset.kubernetes.io/id',
} as const

export const ANNOTATION = {
  generation: 'towpath.dev/generation',
  /** Digest of what an object was rendered from, and of how many it is one. */
  inputs: 'towpath.dev/inputs',
  key: 'towpath.dev/key',
  outcome: 'towpath.dev/outcome',
  attended: 'towpath.dev/attended',
  tooling: 'applyset.kubernetes.io/tooling',
  kinds: 'applyset.kubernetes.io/contains-group-kinds',
} as const

/** Two hyphens, which no app's own name contains, keep what belongs to one app apart from another app. */
export const recordName = (app: string) => `${app}--towpath`
export const jobName = (app: string, key: string) => `${app}--${jobKeyName(key)}`

/** The key under which the chart knows the job; short enough for the names that are made from it. */
export function jobKeyName(key: string): string {
  return `run-${sha256(key).slice(0, 16)}`
}

/** As KEP-3659 has it, so that other tools know the set too. */
export function applySetId(name: string, namespace: string): string {
  const text = [name, namespace, 'Secret', ''].join('.')
  return `applyset-${createHash('sha256').update(text).digest('base64url')}-v1`
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
