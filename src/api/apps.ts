import * as z from 'zod'
import { Digest, Name, ReleaseNumber, TeamName, Timestamp } from './names.ts'
import { operation } from './operation.ts'
import { RolloutPhase } from './rollouts.ts'
import { LiveApp } from './spaces.ts'

/** An app as its source declares it. */
export const DeclaredApp = z.object({
  name: Name,
  /** Relative to the root of the tree. */
  path: z.string(),
  context: z.string(),
  owner: z.string().optional(),
  /** Which files said so, e.g. `Procfile`. */
  sources: z.array(z.string()),
  processes: z.array(z.string()),
  needs: z.array(z.string()),
  /** While it is developed: commands in place of its own, what reloads by itself, and patterns as in .gitignore. */
  dev: LiveApp.pick({ commands: true, reloading: true }).extend({
    /** What goes to the workspace as it is, anything else being built; null: whatever the build leaves as it is. */
    sync: z.array(z.string()).nullable(),
    /** What alone restarts a process; null: everything. */
    restart: z.array(z.string()).nullable(),
    ignore: z.array(z.string()),
  }),
})

export const AppInEnvironment = z.object({
  environment: z.string(),
  /** The release that serves; null before the first. */
  release: ReleaseNumber.nullable(),
  artifact: z.string().nullable(),
  commit: z.string().nullable(),
  /** As the engine saw it at `observedAt`. `away`: the engine did not answer. */
  state: z.enum(['none', 'rolling-out', 'healthy', 'degraded', 'down', 'away']),
  /** One sentence where the state is not healthy. */
  reason: z.string().nullable(),
  releasedAt: Timestamp.nullable(),
  releasedBy: z.string().nullable(),
  processes: z.record(z.string(), z.object({ wanted: z.int(), healthy: z.int() })),
  urls: z.array(z.string()),
  observedAt: Timestamp.nullable(),
  /** The newest, over or not; null before the first. */
  rollout: z.object({ id: z.string(), release: ReleaseNumber, phase: RolloutPhase }).nullable(),
  /**
   * What serves in the environment before this one and not here; null where both serve the same artifact, or one of
   * them none. `releases`: how many of other code went live there since; null where this one never was there.
   */
  behind: z.object({ environment: z.string(), releases: z.int().nullable() }).nullable(),
})
export type AppInEnvironment = z.infer<typeof AppInEnvironment>

export const App = z.object({
  name: Name,
  owner: z.string().nullable(),
  createdAt: Timestamp,
  environments: z.array(AppInEnvironment),
})
export type App = z.infer<typeof App>

export const apps = {
  /** What a tree would ship; the rules for finding apps live on the platform, not in clients. */
  detect: operation({
    method: 'POST',
    path: '/trees/{tree}/apps',
    summary: 'The apps that a tree declares, and what is wrong with its files',
    permission: 'read',
    changes: false,
  })
    .input(z.object({ tree: Digest, folderName: z.string().max(255) }))
    .output(
      z.object({
        apps: z.array(DeclaredApp),
        problems: z.array(
          z.object({
            file: z.string(),
            line: z.int().optional(),
            column: z.int().optional(),
            message: z.string(),
            hint: z.string().optional(),
          }),
        ),
      }),
    ),
  list: operation({ method: 'GET', path: '/apps', summary: 'Every app, by environment', permission: 'read' })
    .input(z.object({ environment: Name.optional() }))
    .output(z.array(App)),
  get: operation({
    method: 'GET',
    path: '/apps/{app}',
    summary: 'One app, by environment',
    permission: 'read',
  })
    .input(z.object({ app: Name }))
    .output(App),
  own: operation({
    method: 'PUT',
    path: '/apps/{app}/owner',
    summary: 'Give an app to another team, or to nobody',
    permission: 'app:change',
    objects: { everywhere: 'app' },
  })
    .input(z.object({ app: Name, owner: TeamName.nullable() }))
    .output(z.object({ app: Name, owner: z.string().nullable(), before: z.string().nullable() })),
  remove: operation({
    method: 'DELETE',
    path: '/apps/{app}',
    summary: 'Stop an app everywhere and forget it; its databases are kept',
    permission: 'app:change',
    objects: { everywhere: 'app' },
  })
    .input(z.object({ app: Name, confirm: Name }))
    .output(z.object({ app: Name, environments: z.array(z.string()), keptDatabases: z.array(z.string()) })),
}
