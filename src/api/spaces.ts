import * as z from 'zod'
import { Origin } from './app-spec.ts'
import { ConfigEntry } from './config.ts'
import { ConfigKey, Digest, Name, ReleaseNumber, Timestamp } from './names.ts'
import { operation } from './operation.ts'
import { ReleaseDifference } from './releases.ts'

/** The longest that a space, or an invitation into one, lasts without being asked for again. */
export const MOST_HOURS = 30 * 24
const Hours = z.int().min(1).max(MOST_HOURS)

/** Commands of a live set: its processes follow somebody's files. By process name. */
export const LiveApp = z.object({
  /** In place of the process's own, e.g. one that reloads by itself. */
  commands: z.record(Name, z.string().min(1).max(8192)).default({}),
  /** Processes that reload by themselves: a change of files does not restart them. */
  reloading: z.array(Name).max(20).default([]),
  /** Processes are started so that a debugger can attach. */
  debug: z.boolean().default(false),
})
export type LiveApp = z.infer<typeof LiveApp>

/** What speaks on the port in TOW_DEBUG_PORT; `other`: what the command itself starts there. */
export const Debugger = z.enum(['node', 'python', 'ruby', 'other'])
export type Debugger = z.infer<typeof Debugger>

const Values = z.record(
  ConfigKey,
  z.object({ value: z.string().max(65_536), secret: z.boolean().optional() }),
)

/** With a delivery: it goes into a space, which is made where there is none, instead of a release. */
export const IntoSpace = z.object({
  name: Name,
  /** Processes beside `web` that run too: in an overlay they would do the work of the environment twice. */
  with: z.array(Name).max(20).default([]),
  /** Whether crons run too. */
  crons: z.boolean().default(false),
  /** Whether the release command runs: it changes the environment's database. */
  release: z.boolean().default(false),
  /** Whether apps get databases of their own, also from the next delivery on; one that has one keeps it. */
  ownDatabases: z.boolean().optional(),
  /** By app: their sets follow somebody's files. */
  live: z.record(Name, LiveApp).optional(),
  /** Config that differs from the environment's, by app; what was set before stays. */
  config: z.record(Name, Values).optional(),
  /**
   * By app, what a file of whoever develops it says (`.env`), in place of what it said before: over the environment's
   * config, but under what was set for the space. All of it is kept as secrets.
   */
  fromFile: z.record(Name, z.record(z.string().max(256), z.string().max(65_536))).optional(),
  expiresInHours: Hours.optional(),
  /** Whether pages show what is being looked at; default: as it was, and yes for a new space. */
  banner: z.boolean().optional(),
  /** The space goes when this branch is deleted in the Git repository of the platform. */
  branch: z.object({ name: z.string().min(1).max(255), repository: z.string().min(1).max(64) }).optional(),
  /** Told once everything is live, with a link. */
  webhook: z.url().max(2000).optional(),
})
export type IntoSpace = z.infer<typeof IntoSpace>

export const SpaceSwap = z.object({ by: z.string(), since: Timestamp, until: Timestamp })

export const SpaceApp = z.object({
  app: Name,
  /** `<space>.<revision>`, as in `TOW_RELEASE`. */
  set: z.string(),
  revision: z.int(),
  state: z.enum(['starting', 'live', 'failed', 'asleep', 'stopped', 'removing']),
  /** One sentence. */
  message: z.string(),
  hint: z.string().nullable(),
  lastLines: z.array(z.string()),
  artifact: Digest,
  origin: Origin,
  by: z.string(),
  since: Timestamp,
  /** Its workspace follows somebody's files. */
  live: z.boolean(),
  /** Who is at it with `tow dev`, as far as is known until then. */
  attached: z.object({ by: z.string(), until: Timestamp }).nullable(),
  /** What runs, and what should. Counts of healthy processes are null where the engine did not answer. */
  processes: z.record(z.string(), z.object({ wanted: z.int(), healthy: z.int().nullable() })),
  /** A database for this copy alone, and what it was filled from; null: it uses the environment's, or none. */
  ownDatabase: z.object({ dump: Name.nullable() }).nullable(),
  /** What does not run here, each with the reason. */
  off: z.array(z.object({ what: z.string(), because: z.string() })),
  /** The environment's whole traffic for the app comes here. */
  swap: SpaceSwap.nullable(),
  lastAskedAt: Timestamp.nullable(),
  /** When it sleeps unless somebody asks for it before; null where it stays as it is. */
  sleepsAt: Timestamp.nullable(),
  /** What was asked for so far, while it was awake. */
  cpuHours: z.number(),
  memoryGigabyteHours: z.number(),
  /** When the engine saw this; null when it did not answer. */
  observedAt: Timestamp.nullable(),
})
export type SpaceApp = z.infer<typeof SpaceApp>

export const Space = z.object({
  name: Name,
  environment: Name,
  owner: z.string(),
  createdAt: Timestamp,
  expiresAt: Timestamp,
  /** It is on its way out. */
  removing: z.boolean(),
  banner: z.boolean(),
  /** Its apps have databases of their own and, where the engine has such, a place of their own. */
  full: z.boolean(),
  /** That place, as far as it is seen: `the namespace stage--mine-3f2a91`. */
  place: z.string().nullable(),
  branch: z.string().nullable(),
  /** Where it is told to once it is live, without what is secret about it. */
  webhook: z.string().nullable(),
  apps: z.array(SpaceApp),
})
export type Space = z.infer<typeof Space>

/** An app as it is entered through the space, with a token in its address where it leads in. */
export const SpaceLink = z.object({
  app: Name,
  url: z.string(),
  /** The space has a copy of its own; else the environment's answers. */
  own: z.boolean(),
})
export type SpaceLink = z.infer<typeof SpaceLink>

export const Invitation = z.object({
  id: z.string(),
  for: z.string(),
  by: z.string(),
  createdAt: Timestamp,
  expiresAt: Timestamp,
  state: z.enum(['open', 'expired', 'revoked']),
})
export type Invitation = z.infer<typeof Invitation>

/** In a link, and as a header, what lets whoever has it into a space. */
export const PREVIEW_TOKEN = 'tow-preview'

const Count = z.int().min(0)

/** What routers have counted of one app that was asked in spaces; `space`: of the copy there, null of the environment's. */
export const CountedCalls = z.object({
  app: Name,
  space: Name.nullable(),
  asked: Count,
  to: z.array(z.object({ app: Name, kept: Count, lost: Count, untraced: Count })).max(500),
})
export type CountedCalls = z.infer<typeof CountedCalls>

/** A call between two apps, and whether the space went along. */
export const Passing = z.object({
  from: Name,
  space: Name.nullable(),
  to: Name,
  ok: z.boolean(),
  /** One sentence. */
  message: z.string(),
})
export type Passing = z.infer<typeof Passing>

const OfSpace = z.object({ space: Name })
const OfApp = OfSpace.extend({ app: Name })
const base = '/spaces/{space}' as const

export const spaces = {
  list: operation({ method: 'GET', path: '/spaces', summary: 'Spaces, newest first', permission: 'read' })
    .input(z.object({ environment: Name.optional(), owner: z.string().max(64).optional() }))
    .output(z.array(Space)),
  add: operation({
    method: 'POST',
    path: '/spaces',
    summary:
      'Put copies of apps into a space as they run below, with databases of their own where that is asked for',
    permission: 'app:change',
    objects: { app: 'apps.*', environment: 'environment', inSpace: 'space' },
  })
    .input(
      OfSpace.extend({
        environment: Name,
        apps: z.array(Name).min(1).max(50),
        /** A full space: in a place of its own where the engine has such, with databases of its own. */
        full: z.boolean().default(false),
        ownDatabases: z.boolean().default(false),
        /** Their databases begin with these; each is of one app. */
        dumps: z.array(Name).max(50).default([]),
        with: z.array(Name).max(20).default([]),
        crons: z.boolean().default(false),
        expiresInHours: Hours.optional(),
        banner: z.boolean().optional(),
      }),
    )
    .output(
      z.object({
        space: Name,
        environment: Name,
        apps: z.array(z.object({ app: Name, set: z.string(), release: ReleaseNumber })),
      }),
    ),
  get: operation({ method: 'GET', path: base, summary: 'One space', permission: 'read' })
    .input(OfSpace)
    .output(Space),
  plan: operation({
    method: 'GET',
    path: `${base}/plan`,
    summary: 'What of a space differs from the environment below; secrets by their version only',
    permission: 'read',
  })
    .input(OfSpace)
    .output(
      z.array(
        z.object({
          app: Name,
          /** The release that serves below; null where there is none. */
          below: ReleaseNumber.nullable(),
          differences: z.array(ReleaseDifference),
        }),
      ),
    ),
  workspace: operation({
    method: 'GET',
    path: `${base}/apps/{app}/workspace`,
    summary: 'What an app of a space was built from, and what the build made of it',
    permission: 'read',
  })
    .input(OfApp)
    .output(
      z.object({
        set: z.string(),
        /** The tree that it was built from, and where in it the app is. */
        tree: Digest,
        path: z.string(),
        context: z.string(),
        /** The folder of the tree that the root of the workspace stands for. */
        root: z.string(),
        artifact: Digest,
        /** Hash of the tree of each layer, lowest first. */
        layers: z.array(z.object({ kind: z.enum(['dependencies', 'app']), tree: Digest })),
        /** Files of the source that decide what the build makes, relative to the tree; a change of one asks for a build. */
        inputs: z.array(z.string()),
        /** Files that the build made: in the app's layer and not, or not so, in the source. Relative to the workspace. */
        made: z.array(z.string()),
        /** Every change of the source asks for a build: its result can't be told from the source. */
        compiled: z.boolean(),
        /** Where it was asked for: processes that a debugger can attach to, and those that run without. */
        debug: z
          .object({ debugger: Debugger.nullable(), processes: z.array(Name), without: z.array(Name) })
          .nullable(),
      }),
    ),
  attend: operation({
    method: 'POST',
    path: `${base}/attendance`,
    summary: 'Say that somebody is at these apps; they stay awake, and swapped, for a while',
    permission: 'app:change',
    objects: { space: 'space' },
    replays: false,
  })
    .input(OfSpace.extend({ apps: z.array(Name).min(1).max(50) }))
    .output(z.object({ until: Timestamp, space: Space })),
  stop: operation({
    method: 'POST',
    path: `${base}/stop`,
    summary: 'Stop apps of a space; calls for them go to the environment',
    permission: 'app:change',
    objects: { space: 'space' },
  })
    .input(OfSpace.extend({ apps: z.array(Name).max(50).optional() }))
    .output(z.object({ space: Name, stopped: z.array(z.string()) })),
  start: operation({
    method: 'POST',
    path: `${base}/start`,
    summary: 'Start apps of a space again as they were',
    permission: 'app:change',
    objects: { space: 'space' },
  })
    .input(OfSpace.extend({ apps: z.array(Name).max(50).optional() }))
    .output(z.object({ space: Name, started: z.array(z.string()) })),
  extend: operation({
    method: 'POST',
    path: `${base}/extend`,
    summary: 'Let a space last for so long from now on',
    permission: 'app:change',
    objects: { space: 'space' },
  })
    .input(OfSpace.extend({ expiresInHours: Hours.default(7 * 24), banner: z.boolean().optional() }))
    .output(z.object({ space: Name, before: Timestamp, expiresAt: Timestamp })),
  remove: operation({
    method: 'DELETE',
    path: base,
    summary: 'Remove a space and everything in it, or apps of it',
    permission: 'app:change',
    objects: { space: 'space' },
  })
    .input(OfSpace.extend({ apps: z.array(Name).min(1).max(50).optional() }))
    .output(z.object({ space: Name, environment: Name, apps: z.array(z.string()) })),
  swap: operation({
    method: 'POST',
    path: `${base}/apps/{app}/swap`,
    summary: 'Take the environment’s whole traffic for an app, for a while; again: for a while longer',
    permission: 'app:change',
    objects: { space: 'space', app: 'app' },
  })
    .input(OfApp.extend({ seconds: z.int().min(10).max(86_400).default(120) }))
    .output(SpaceSwap),
  unswap: operation({
    method: 'DELETE',
    path: '/apps/{app}/environments/{environment}/swap',
    summary: 'Give an app’s traffic back to its environment, whoever has it',
    permission: 'app:change',
    objects: { app: 'app', environment: 'environment' },
  })
    .input(z.object({ app: Name, environment: Name }))
    .output(z.object({ app: Name, environment: Name, space: Name })),
  links: operation({
    method: 'GET',
    path: `${base}/links`,
    summary: 'The owner’s links into a space: whoever has one gets in',
    permission: 'app:change',
    objects: { space: 'space' },
  })
    .input(OfSpace)
    .output(z.array(SpaceLink)),
  calls: operation({
    method: 'POST',
    path: `${base}/calls`,
    summary: 'Whether apps passed on in which space they were asked, as counted since an earlier answer',
    permission: 'read',
    changes: false,
  })
    .input(OfSpace.extend({ since: z.array(CountedCalls).max(500).default([]) }))
    .output(z.object({ counted: z.array(CountedCalls), passings: z.array(Passing), mend: z.string() })),
  invite: operation({
    method: 'POST',
    path: `${base}/invitations`,
    summary: 'A link that lets somebody in for a while',
    permission: 'app:change',
    objects: { space: 'space' },
    replays: false,
  })
    .input(
      OfSpace.extend({
        for: z.string().min(1).max(200).describe('Whom it is meant for, e.g. `qa`'),
        expiresInHours: Hours.default(48),
      }),
    )
    .output(Invitation.extend({ links: z.array(SpaceLink) })),
  invitations: operation({
    method: 'GET',
    path: `${base}/invitations`,
    summary: 'Who was invited into a space; no links',
    permission: 'read',
  })
    .input(OfSpace)
    .output(z.array(Invitation)),
  uninvite: operation({
    method: 'DELETE',
    path: `${base}/invitations/{id}`,
    summary: 'End an invitation; who came in with it is out',
    permission: 'app:change',
    objects: { space: 'space' },
  })
    .input(OfSpace.extend({ id: z.string().max(64) }))
    .output(Invitation),
  config: operation({
    method: 'GET',
    path: `${base}/apps/{app}/config`,
    summary: 'What of an app’s config is set for a space alone; secrets without their values',
    permission: 'read',
  })
    .input(OfApp)
    .output(z.array(ConfigEntry)),
  configure: operation({
    method: 'PATCH',
    path: `${base}/apps/{app}/config`,
    summary: 'Set config for a space alone, or leave it to the environment again',
    permission: 'app:change',
    objects: { space: 'space', app: 'app' },
    bodyMegabytes: 40,
  })
    .input(OfApp.extend({ set: Values.default({}), unset: z.array(ConfigKey).max(500).default([]) }))
    .output(z.object({ changed: z.array(ConfigKey), guessedSecrets: z.array(ConfigKey) })),
}
