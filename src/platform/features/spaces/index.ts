/**
 * Spaces: copy-on-write overlays over an environment. A space holds what its owner changed, each app as a target of its
 * own on the environment's engine; all else falls through to the environment below. Rows say what should be, workers
 * make it so. It decides neither how apps are built nor which way a request goes.
 */
import type { FastifyInstance } from 'fastify'
import type { Artifact } from '../../../api/app-spec.ts'
import { nearest } from '../../../api/nearest.ts'
import type { Engine, Observation } from '../../../engines/engine.ts'
import type { Tree } from '../../../trees/tree.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { mountStreams } from '../../kernel/http/streams.ts'
import { type Loop, startLoop } from '../../kernel/loop.ts'
import type { Access } from '../access/index.ts'
import type { Config } from '../config/index.ts'
import type { ReleaseWithState } from '../releases/index.ts'
import { startWorkers, within } from '../rollouts/index.ts'
import { createAdd } from './add.ts'
import { createChanges } from './changes.ts'
import { createDeliver } from './deliver.ts'
import { createDesiredMaker } from './desired.ts'
import { workspaceDoor } from './door.ts'
import { createInvitations } from './invitations.ts'
import { createLife } from './life.ts'
import { refusals } from './messages.ts'
import { checkPassing } from './passing.ts'
import { createReconcile } from './reconcile.ts'
import { spaceRoutes } from './routes.ts'
import { countsNow, setOf, targetOf } from './rules.ts'
import { createScale } from './scale.ts'
import {
  findApp,
  findSpace,
  listApps,
  listSpaces,
  migrations,
  type SpaceAppRow,
  type SpaceRow,
} from './store.ts'

export type { Into, IntoRequest, SpaceDelivery } from './deliver.ts'

export type Vault = Config['vault']

export interface SpacesOptions {
  database: Database
  clock: Clock
  access: Pick<Access, 'require'>
  vault: Vault
  engines: (environment: string) => Promise<Engine>
  /** Names of the apps that run in an environment. */
  appsIn: (db: Queries | Within, environment: string) => Promise<string[]>
  /** Whether this is a person or a machine; null where nobody knows. */
  kindOf: (db: Queries | Within, principal: string) => Promise<'person' | 'machine' | null>
  /** The team of an app; null where it belongs to nobody. */
  ownerOf: (db: Queries | Within, app: string) => Promise<string | null>
  /** Today's config of an app in the environment, which a space only reads. */
  present: Config['present']
  /** The values behind it. */
  resolve: Config['resolve']
  injectedNames(needs: readonly string[]): string[]
  refusedNeeds(
    db: Queries | Within,
    app: string,
    environment: string,
    needs: readonly string[],
    together: readonly string[],
  ): Promise<{ message: string; hint?: string | undefined }[]>
  /** What needs inject in the environment, secrets included; `own`: the copy has a database for itself. */
  needs(
    app: string,
    environment: string,
    needs: readonly string[],
    own?: { space: string; dump: string | null },
  ): Promise<Record<string, string>>
  /** Drops the database that a copy had for itself, where it had one. */
  dropDatabase(of: { app: string; environment: string; space: string }): Promise<void>
  /** A dump that databases may be filled from. */
  dump(db: Queries | Within, name: string): Promise<{ app: string; state: string } | null>
  /** What an artifact of an app was shipped from. */
  source(app: string, artifact: string): Promise<{ tree: string; path: string; context: string } | null>
  artifact(db: Queries | Within, digest: string): Promise<Artifact | null>
  /** The release that serves an app in the environment. */
  below(db: Queries | Within, app: string, environment: string): Promise<ReleaseWithState | null>
  tree(hash: string): Promise<Tree>
  /** Whether a delivery into the space is under way. */
  isShipping(space: string): Promise<boolean>
  onError: (error: unknown) => void
  /** Milliseconds between looks at everything, where nothing wakes it. */
  lookEvery?: number
}

export type Spaces = ReturnType<typeof createSpaces>

const OBSERVE_MS = 5_000
const LOOK_EVERY = 10_000

export function createSpaces(options: SpacesOptions) {
  const { database, clock, vault, engines, onError } = options
  const { db } = database
  const now = () => clock.now().getTime()
  const changes = createChanges(options)
  const deliver = createDeliver(options)
  const add = createAdd({ ...options, deliver })
  const desired = createDesiredMaker({
    ...{ db, vault, now },
    artifact: (digest) => options.artifact(db, digest),
    resolve: options.resolve,
    needs: options.needs,
  })
  const invitations = createInvitations({ ...options, changes })
  const life = createLife({ ...options, changes, invitations })
  const { dropDatabase } = options
  const reconcile = createReconcile({ database, clock, engines, changes, desired, dropDatabase })
  const controller = new AbortController()
  let workers: ReturnType<typeof startWorkers> | null = null
  let loop: Loop | null = null
  let unlisten: (() => void)[] = []

  async function requireSpace(queries: Queries | Within, name: string): Promise<SpaceRow> {
    const space = await findSpace(queries, name)
    if (space) return space
    const names = (await listSpaces(queries)).map((one) => one.name)
    throw refusals.unknown(name, nearest(name, names))
  }

  async function requireApp(queries: Queries | Within, space: string, app: string): Promise<SpaceAppRow> {
    const row = await findApp(queries, space, app)
    if (row) return row
    const names = (await listApps(queries, { space })).map((one) => one.app)
    throw refusals.noApp(space, app, names)
  }

  /** What the engine sees of an app in a space now; null where it does not answer. */
  async function observe({ app, environment, space }: SpaceAppRow): Promise<Observation | null> {
    const look = async () => (await engines(environment)).observe({ app, environment, space })
    return within(look(), OBSERVE_MS, controller.signal, 'the engine does not answer').catch(() => null)
  }

  const passing = {
    ...{ db, engines, now, observe },
    ...{ appsIn: options.appsIn, below: options.below },
    observeBelow: (app: string, environment: string) =>
      within(
        (async () => (await engines(environment)).observe({ app, environment }))(),
        OBSERVE_MS,
        controller.signal,
        'the engine does not answer',
      ).catch(() => null),
  }
  const parts = { ...options, add, changes, invitations, passing, requireSpace, requireApp, observe, now }
  const feature = {
    name: 'spaces',
    migrations,
    routes: spaceRoutes(parts),
    mount: (server: FastifyInstance) => mountStreams(server, [workspaceDoor({ db, engines, requireApp })]),
    async start() {
      const places = async () =>
        (await listApps(db)).filter(
          ({ wanted, seen, generation }) => wanted !== 'stopped' || seen < generation,
        )
      workers = startWorkers({
        ...{ database, topic: 'spaces', engines, reconcile, onError },
        owed: places,
        // Of what is stopped its links lead on.
        standing: async () =>
          (await listApps(db)).map((row) => ({ ...row, runs: row.wanted !== 'removing' })),
      })
      loop = startLoop({ pass: life.pass, interval: options.lookEvery ?? LOOK_EVERY, onError })
      unlisten = ['spaces', 'spaces-told', 'ships'].map((topic) => database.listen(topic, loop!.wake))
    },
    async stop() {
      controller.abort()
      for (const leave of unlisten) leave()
      await loop?.stop()
      await workers?.stop()
      workers = null
    },
  } satisfies Feature

  return {
    ...feature,
    deliver,
    configChanged: changes.configChanged,
    forgetApp: changes.forgetApp,
    forgetEnvironment: changes.forgetEnvironment,
    branchGone: changes.branchGone,
    /** Whose a space is, and over what; null, or NOT_FOUND where it is required, where there is none. */
    async ownedAs<Must extends 'required' | undefined = undefined>(
      queries: Queries | Within,
      name: string,
      must?: Must,
    ): Promise<SpaceRow | (Must extends 'required' ? never : null)> {
      const space = must ? await requireSpace(queries, name) : await findSpace(queries, name)
      return space as SpaceRow | (Must extends 'required' ? never : null)
    },
    /** The copy of an app, for looking at its processes; NOT_FOUND where the space has none over this environment. */
    async copy(
      queries: Queries | Within,
      name: string,
      app: string,
      environment: string,
    ): Promise<SpaceAppRow> {
      const space = await requireSpace(queries, name)
      if (space.environment !== environment) throw refusals.elsewhere(name, space.environment, environment)
      return requireApp(queries, name, app)
    },
    /** A set without processes, for a command that is run in it. */
    async jobSet(name: string, app: string) {
      const [space, row] = [await requireSpace(db, name), await requireApp(db, name, app)]
      return { target: targetOf(space, row), set: await desired.jobSet(space, row) }
    },
    /** What `tow doctor` says of apps that lose the space they were asked in. */
    check: () => checkPassing(passing),
    scale: createScale({ changes, now }),
    /** Starts its processes anew: under a new revision, of the same. */
    restart: changes.restart,
    /** How far revisions of apps have come, as a delivery asks. */
    async progress(queries: Queries | Within, space: string, app: string, revision: number) {
      const row = await findApp(queries, space, app)
      if (!row || row.wanted === 'removing' || row.wanted === 'stopped')
        return {
          phase: 'aborted' as const,
          message: `${app} was stopped in ${space}`,
          hint: null,
          lastLines: [],
        }
      if (row.revision > revision)
        return {
          phase: 'superseded' as const,
          message: `${setOf(row)} took its place`,
          hint: null,
          lastLines: [],
        }
      // Asleep already: it was live before.
      return row.wanted === 'asleep' ? { ...row.report, phase: 'live' as const } : row.report
    },
    /** The copies that spaces over an environment have, whether or not they run now. */
    async copiesIn(queries: Queries | Within, environment: string) {
      return (await listApps(queries, { environment })).map(({ app, space }) => ({ app, space }))
    },
    /** What runs of an environment's spaces now. */
    async asking(queries: Queries, environment: string) {
      const rows = await listApps(queries, { environment })
      return rows.map((row) => ({ processes: row.run.processes, counts: countsNow(row) }))
    },
    /** What must not be collected. */
    async roots(): Promise<{ trees: string[]; artifacts: string[] }> {
      const rows = await listApps(db)
      return { trees: rows.map(({ tree }) => tree), artifacts: rows.map(({ artifact }) => artifact) }
    },
  }
}
