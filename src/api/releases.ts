import * as z from 'zod'
import { Artifact, Origin, RunSpec } from './app-spec.ts'
import { Name, ReleaseNumber, Timestamp } from './names.ts'
import { operation } from './operation.ts'

export const ReleaseSummary = z.object({
  app: Name,
  environment: Name,
  number: ReleaseNumber,
  /** Globally unique; what a promotion pins. */
  id: z.string(),
  reason: z.enum(['ship', 'config', 'rollback', 'promote']),
  /** One line: `Ship 3fa9c1e "Fix the map"`, `Set REGION`, `Rollback to v11`. */
  description: z.string(),
  artifact: z.string(),
  origin: Origin,
  by: z.string(),
  createdAt: Timestamp,
  /** Whether it ever served, and whether it does now. */
  state: z.enum(['pending', 'rolling-out', 'live', 'replaced', 'failed', 'aborted', 'superseded']),
  liveAt: Timestamp.nullable(),
})
export type ReleaseSummary = z.infer<typeof ReleaseSummary>

export const Release = ReleaseSummary.extend({
  run: RunSpec,
  /** Plain values; a secret shows its version only. */
  config: z.record(z.string(), z.union([z.object({ value: z.string() }), z.object({ secret: z.int() })])),
  /** Values that the platform gives at run time, e.g. `REPORTS_URL`; never secrets. */
  injected: z.array(z.string()),
  content: Artifact,
  rollout: z.string().nullable(),
  /** The release it was made from: a rollback's or a promotion's source. */
  from: z.object({ environment: Name, number: ReleaseNumber, id: z.string() }).nullable(),
})
export type Release = z.infer<typeof Release>

export const ReleaseDifference = z.object({
  /** `code`, `config`, `process`, `cron`, `need`, `release-command`. */
  kind: z.string(),
  name: z.string(),
  /** Null where it is not there; secrets appear as `secret version 3`. */
  before: z.string().nullable(),
  after: z.string().nullable(),
})
export type ReleaseDifference = z.infer<typeof ReleaseDifference>

const OfApp = z.object({ app: Name, environment: Name })

export const releases = {
  list: operation({
    method: 'GET',
    path: '/apps/{app}/environments/{environment}/releases',
    summary: 'Releases of an app in an environment, newest first',
    permission: 'read',
  })
    .input(OfApp.extend({ limit: z.int().min(1).max(1000).default(20) }))
    .output(z.array(ReleaseSummary)),
  get: operation({
    method: 'GET',
    path: '/apps/{app}/environments/{environment}/releases/{number}',
    summary: 'One release, whole',
    permission: 'read',
  })
    .input(OfApp.extend({ number: ReleaseNumber }))
    .output(Release),
  diff: operation({
    method: 'GET',
    path: '/apps/{app}/environments/{environment}/releases/{from}/diff/{to}',
    summary: 'What differs between two releases',
    permission: 'read',
  })
    .input(OfApp.extend({ from: ReleaseNumber, to: ReleaseNumber }))
    .output(z.array(ReleaseDifference)),
  rollback: operation({
    method: 'POST',
    path: '/apps/{app}/environments/{environment}/rollback',
    summary: 'Make a new release with an earlier one’s code and plain config',
    permission: 'app:change',
    objects: { app: 'app', environment: 'environment' },
  })
    .input(
      OfApp.extend({
        /** Default: the last one that was live before the present one. */
        to: ReleaseNumber.optional(),
        /** Also the secrets as they were then. */
        withSecrets: z.boolean().default(false),
        /** Only tell what would differ. */
        plan: z.boolean().default(false),
      }),
    )
    .output(
      z.object({
        to: ReleaseNumber,
        release: ReleaseSummary.nullable(),
        rollout: z.string().nullable(),
        differences: z.array(ReleaseDifference),
        /** The command that takes it back. */
        undo: z.string().nullable(),
      }),
    ),
}
