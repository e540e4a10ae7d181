/** Throws away builds, logs, artifacts and dependency layers that nobody needs any more. */
import type { Queries } from '../../kernel/database.ts'
import type { Dependencies } from './dependencies.ts'
import type { BuildLogs } from './log.ts'
import { expiredBuilds } from './rules.ts'
import { forgetArtifacts, forgetBuilds, forgetDependencies, listAllBuilds } from './store.ts'

export interface CollectOptions {
  db: Queries
  logs: BuildLogs
  dependencies: Dependencies
  /** Digests of artifacts that releases refer to and that must stay. */
  artifactsInUse: () => Promise<Iterable<string>>
  /** Builds of each app that are kept, whatever came of them. */
  keepBuilds: number
  /** Dependency layers that no kept artifact has and no build used since. */
  unusedBefore: Date
}

/** Answers with how much went. */
export async function collectBuilds(options: CollectOptions): Promise<{ builds: number; artifacts: number }> {
  const { db, logs, dependencies } = options
  const builds = await listAllBuilds(db)
  const expired = expiredBuilds(builds, options.keepBuilds)
  const gone = new Set(expired.map((build) => build.id))
  await forgetBuilds(db, [...gone])
  for (const id of gone) await logs.remove(id)
  // Asked after the builds were read: whatever is released from here on comes from a build that is kept.
  const inUse = new Set(await options.artifactsInUse())
  for (const { id, artifact } of builds) if (artifact !== null && !gone.has(id)) inUse.add(artifact)
  const artifacts = await forgetArtifacts(db, [...inUse])
  const left = await forgetDependencies(db, options.unusedBefore)
  await dependencies.prune(left)
  return { builds: gone.size, artifacts }
}
