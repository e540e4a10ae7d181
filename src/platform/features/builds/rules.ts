/** What decides a build's result, what an artifact is called, and what may be thrown away. Pure. */
import { createHash } from 'node:crypto'
import { posix } from 'node:path'
import type { Artifact } from '../../../api/app-spec.ts'
import type { BuildPlan } from '../../../builders/builder.ts'
import type { AppDeclaration } from '../manifests/index.ts'

/** JSON with sorted keys and no absent ones: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`)
  return `{${members.join(',')}}`
}

const digestOf = (value: unknown) => createHash('sha256').update(canonicalJson(value)).digest('hex')

/** Names everything that decides the result; neither the app's name nor the commit does. */
export function inputsOf(
  source: string,
  path: string,
  declaration: AppDeclaration,
  builder: string,
  plan: BuildPlan,
): string {
  const { build, run } = declaration
  // What the keys are made of decides nothing beside them.
  const { parts: _parts, ...decides } = plan
  return digestOf({ version: 1, source, path, build, run, builder, plan: decides })
}

export function nameArtifact(content: Omit<Artifact, 'digest'>): Artifact {
  return { digest: digestOf(content), ...content }
}

/** Where the app lies inside its context, `.` for the context itself. */
export function pathInContext(declaration: Pick<AppDeclaration, 'path' | 'context'>): string {
  return posix.relative(declaration.context, declaration.path) || '.'
}

/** A folder name for a key that may hold anything. */
export function folderName(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 32)
}

/** Builds of one app beyond the newest `keep`, of those that are over. Newest first in, in the same order out. */
export function expiredBuilds<B extends { app: string; state: string }>(
  builds: readonly B[],
  keep: number,
): B[] {
  const counts = new Map<string, number>()
  return builds.filter((build) => {
    const count = (counts.get(build.app) ?? 0) + 1
    counts.set(build.app, count)
    return count > keep && build.state !== 'queued' && build.state !== 'running'
  })
}
