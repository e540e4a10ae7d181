/** Why nothing that was made before could be taken, in a sentence for whoever waits. Pure. */
import type { BuildPlan } from '../../../builders/builder.ts'
import { diffTrees } from '../../../trees/diff.ts'
import type { Tree } from '../../../trees/tree.ts'
import type { AppDeclaration } from '../manifests/index.ts'
import { canonicalJson } from './rules.ts'

export interface Before {
  declaration: AppDeclaration
  /** Null where an earlier version built it. */
  parts: BuildPlan['parts'] | null
  /** Null where it is not kept any more. */
  context: Tree | null
}

interface Now {
  rebuild: boolean
  declaration: AppDeclaration
  parts: BuildPlan['parts']
  context: Tree
}

const MOST_NAMED = 3
const ANEW = 'it was asked to build anew'
const FIRST = 'it is the first build of the app'
const GONE = 'what was made before is not kept any more'

/** Why the app is built, rather than an earlier artifact taken. */
export function whyBuilt(now: Now, before: Before | null): string {
  if (now.rebuild) return ANEW
  if (!before) return FIRST
  const reasons = [
    ...filesChanged(now.context, before.context),
    ...(isDeclaredTheSame(now.declaration, before.declaration) ? [] : ['how it is built or run has changed']),
    ...(before.parts ? versionsChanged(now.parts.tools, before.parts.tools) : []),
  ]
  return reasons.length === 0 ? GONE : reasons.join('; ')
}

/** Why packages are installed, rather than those of before taken. */
export function whyInstalled(now: Now, before: Before | null): string {
  if (now.rebuild) return ANEW
  if (!before) return FIRST
  if (!before.parts) return GONE
  const files = changedNames(now.parts.dependencies, before.parts.dependencies)
  const reasons = [
    ...(files.length > 0 ? [`${listed(files)} changed`] : []),
    ...versionsChanged(now.parts.tools, before.parts.tools),
  ]
  return reasons.length === 0 ? GONE : reasons.join('; ')
}

function filesChanged(now: Tree, before: Tree | null): string[] {
  if (!before) return ['the source has changed']
  const { added, changed, removed } = diffTrees(before, now)
  const paths = [...changed, ...added, ...removed].map(({ path }) => path)
  if (paths.length === 0) return []
  return [`${listed(paths)} changed`]
}

function isDeclaredTheSame(now: AppDeclaration, before: AppDeclaration): boolean {
  const deciding = ({ path, context, build, run }: AppDeclaration) =>
    canonicalJson({ path, context, build, run })
  return deciding(now) === deciding(before)
}

/** `node 24.1.0 → 24.2.0`. */
function versionsChanged(now: Record<string, string>, before: Record<string, string>): string[] {
  return changedNames(now, before).map((name) =>
    name in now && name in before ? `${name} ${before[name]} → ${now[name]}` : `${name} changed`,
  )
}

function changedNames(now: Record<string, string>, before: Record<string, string>): string[] {
  return [...new Set([...Object.keys(now), ...Object.keys(before)])].filter(
    (name) => now[name] !== before[name],
  )
}

/** `a, b, c and 4 more`. */
function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMED
  if (more > 0) return `${names.slice(0, MOST_NAMED).join(', ')} and ${more} more`
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}
