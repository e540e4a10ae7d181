/** Names, labels and annotations: how what is in the cluster is told apart. Pure. */
import { createHash } from 'node:crypto'
import type { Target } from '../engine.ts'

/** Who writes: shown by `kubectl get --show-managed-fields`. */
export const FIELD_MANAGER = 'towpath'

/** The chart's own default, where nothing says otherwise. */
export const WEB_PORT = 8080

export const LABEL = {
  managedBy: 'app.kubernetes.io/managed-by',
  app: 'app.kubernetes.io/name',
  process: 'app.kubernetes.io/component',
  environment: 'towpath.dev/environment',
  space: 'towpath.dev/space',
  platform: 'towpath.dev/platform',
  set: 'towpath.dev/set',
  /** `process`, `cron`, `job` or `router` for what runs; `record`, `config`, `table`, `place` for what is kept. */
  kind: 'towpath.dev/kind',
  partOf: 'applyset.kubernetes.io/part-of',
  applySet: 'applyset.kubernetes.io/id',
  /** Of a namespace: that of the environment whose full spaces it is for. */
  spacesOf: 'towpath.dev/spaces-of',
} as const

export const ANNOTATION = {
  generation: 'towpath.dev/generation',
  /** Digest of what an object was rendered from, and of how many it is one. */
  inputs: 'towpath.dev/inputs',
  key: 'towpath.dev/key',
  outcome: 'towpath.dev/outcome',
  attended: 'towpath.dev/attended',
  /** Of the Lease of a full space's namespace: which that is, and that it was made for the space. */
  namespace: 'towpath.dev/namespace',
  made: 'towpath.dev/made',
  tooling: 'applyset.kubernetes.io/tooling',
  kinds: 'applyset.kubernetes.io/contains-group-kinds',
} as const

/**
 * What everything of a target is named after: `shop`, and `shop--mine` where it is the app's copy in a space. Two hyphens,
 * which no name of a person's contains, keep what belongs to one app apart from another app; and of one kind of object the
 * names of an app have another number of parts (`shop--web--v12`) than those of its copies (`shop--mine--web--v12`).
 */
export const nameOf = ({ app, space }: Target) => (space === undefined ? app : `${app}--${space}`)

/** Of whatever is kept for a target beside what the chart makes. */
export function ownerLabels(platform: string, target: Target): Record<string, string> {
  return {
    [LABEL.managedBy]: 'towpath',
    [LABEL.platform]: platform,
    [LABEL.app]: nameOf(target),
    [LABEL.environment]: target.environment,
    ...(target.space === undefined ? {} : { [LABEL.space]: target.space }),
  }
}

export const recordName = (target: Target) => `${nameOf(target)}--towpath`
export const jobName = (target: Target, key: string) =>
  `${fitting(nameOf(target), JOB_NAME_LENGTH)}--${jobKeyName(key)}`

/** The Service of one set; names of Services have 63 characters, and no dots. */
export function setServiceName(target: Target, set: string): string {
  const suffix = set.replaceAll('.', '-')
  return `${fitting(nameOf(target), 61 - suffix.length)}--${suffix}`
}

/** Kubernetes wants names of Jobs in labels, which have 63 characters; 22 of them are the key's. */
const JOB_NAME_LENGTH = 41

/** The same as `app.fitting` in the chart: three hyphens stand in no name that was left whole. */
function fitting(name: string, length: number): string {
  return name.length <= length ? name : `${name.slice(0, length - 11)}---${sha256(name).slice(0, 8)}`
}

/** The key under which the chart knows the job; short enough for the names that are made from it. */
export function jobKeyName(key: string): string {
  return `run-${sha256(key).slice(0, 16)}`
}

/** What everything of the hop is named after; three hyphens, so that it is nothing of an app. One for each platform. */
export const hopName = (platform: string) => `towpath---router-${sha256(platform).slice(0, 6)}`

/** Longest part of the environment's own namespace in the names of those that are made for its full spaces. */
const HOME_LENGTH = 30

/** How names of namespaces begin that are made for full spaces; charts/access allows no other. */
export const madePrefix = (home: string) => `${home.slice(0, HOME_LENGTH).replace(/-+$/, '')}--`

/** The ClusterRole of charts/access that is bound in them. */
export const spaceRole = (home: string) => `towpath-space-${home}`

/** The Lease in the environment's namespace that says who has one. */
export const placeName = (namespace: string) => `towpath---space-${namespace}`

/** What finds its pods; never changes. */
export const routerSelector = (name: string): Record<string, string> => ({
  [LABEL.app]: name,
  [LABEL.kind]: 'router',
})

/** As KEP-3659 has it, so that other tools know the set too. */
export function applySetId(name: string, namespace: string): string {
  const text = [name, namespace, 'Secret', ''].join('.')
  return `applyset-${createHash('sha256').update(text).digest('base64url')}-v1`
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
