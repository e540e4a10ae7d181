/**
 * Builds: from a tree to an artifact, once per inputs. A row says what is owed, a loop does it in a folder and a clean
 * environment of its own, and whoever asks sees every step and every line. It releases nothing and numbers nothing;
 * how source becomes folders is the builders' affair.
 */
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Artifact, Origin } from '../../../api/app-spec.ts'
import type { Build } from '../../../api/builds.ts'
import type { Builder } from '../../../builders/builder.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { newId } from '../../kernel/ids.ts'
import { type Loop, startLoop } from '../../kernel/loop.ts'
import type { Content, Roots } from '../content/index.ts'
import type { AppDeclaration } from '../manifests/index.ts'
import { collectBuilds } from './collect.ts'
import { createDependencies } from './dependencies.ts'
import type { DigestLayer } from './layers.ts'
import { createBuildLogs } from './log.ts'
import { refusals } from './messages.ts'
import { buildRoutes } from './routes.ts'
import {
  type BuildRow,
  findArtifact,
  findBuild,
  findBuilds,
  findDeclaration,
  insertArtifact,
  insertBuild,
  listAllBuilds,
  listArtifacts,
  listBuilds,
  listDependencyTrees,
  migrations,
  updateBuild,
} from './store.ts'
import { viewOf } from './view.ts'
import { createWorkFolders } from './work.ts'
import { createWorker, type WorkerOptions } from './worker.ts'

export { nameArtifact } from './rules.ts'
export type { BuildRow } from './store.ts'
export type { StartedProcess } from './work.ts'

export interface BuildsOptions extends Pick<WorkerOptions, 'secrets' | 'endProcess' | 'onError'> {
  database: Database
  content: Content
  clock: Clock
  builders: readonly Builder[]
  /** Where builds work, and what they keep for the next one. */
  folder: string
  digestLayer: DigestLayer
  /** Artifacts of releases that must stay: what serves, and the last 10 live releases of every app and environment. */
  artifactsInUse: () => Promise<Iterable<string>>
  /** Builds at a time. Default: all cores but one. */
  concurrency?: number
  /** Milliseconds a build may take. Default: 20 minutes. */
  timeLimit?: number
  /** Builds of each app that are kept. */
  keepBuilds?: number
}

export interface BuildRequest {
  app: string
  tree: string
  declaration: AppDeclaration
  origin: Origin
  by: string
  /** Build although the same inputs gave an artifact before. */
  rebuild?: boolean
}

export interface Builds {
  /** Queues a build in the change; the tree must be complete. Answers with its id. */
  request(change: Change, request: BuildRequest): Promise<string>
  /** What needs no build, because it was made elsewhere: a build that is over at once. Answers with its id. */
  adopt(change: Change, request: BuildRequest, artifact: Artifact): Promise<string>
  /** NOT_FOUND where there is none. */
  get(db: Queries | Within, id: string): Promise<BuildRow>
  getAll(db: Queries | Within, ids: readonly string[]): Promise<BuildRow[]>
  artifact(db: Queries | Within, digest: string): Promise<Artifact | null>
  /** What the app declared when the artifact was last built for it; null where no build tells any more. */
  declarationOf(db: Queries | Within, app: string, artifact: string): Promise<AppDeclaration | null>
  /** Ends it in the change if it is not over. */
  cancel(change: Change, id: string, by: string): Promise<void>
  /** A piece of what it wrote, from a byte offset on; empty at the end. */
  readOutput(id: string, offset: number): Promise<{ text: string; offset: number }>
  /** Calls back whenever it wrote something. */
  onOutput(id: string, callback: () => void): () => void
  list(app: string | undefined, limit: number): Promise<Build[]>
  view(id: string): Promise<Build>
  log(id: string): Promise<{ text: string; truncated: boolean }>
  cancelBuild(actor: Actor, id: string): Promise<Build>
  artifactOrRefuse(digest: string): Promise<Artifact>
  sbom(digest: string): Promise<Record<string, unknown>>
  /** What must not be collected: sources of builds, layers and SBOMs of artifacts. */
  roots(): Promise<Roots>
  collect(): Promise<{ builds: number; artifacts: number }>
}

const TIME_LIMIT = 20 * 60_000
const KEEP_BUILDS = 20
const DAY = 24 * 3600_000
const KEEP_DEPENDENCIES = 7 * DAY
const LOOK_EVERY = 10_000

export function createBuilds(options: BuildsOptions): Feature<ReturnType<typeof buildRoutes>> & Builds {
  const { database, content, clock, builders, folder, onError } = options
  const { db } = database
  const logs = createBuildLogs(join(folder, 'logs'))
  const dependencies = createDependencies(join(folder, 'dependencies'), db, content)
  const worker = createWorker({
    database,
    shop: {
      db,
      content,
      clock,
      builders,
      dependencies,
      digestLayer: options.digestLayer,
      cache: join(folder, 'cache'),
    },
    logs,
    folders: createWorkFolders(folder),
    concurrency: options.concurrency ?? Math.max(1, availableParallelism() - 1),
    timeLimit: options.timeLimit ?? TIME_LIMIT,
    secrets: options.secrets,
    endProcess: options.endProcess,
    onError,
  })
  let loop: Loop | null = null
  let unlisten = () => {}
  let collectAt = 0

  async function get(queries: Queries | Within, id: string): Promise<BuildRow> {
    const row = await findBuild(queries, id)
    if (!row) throw refusals.unknownBuild(id)
    return row
  }

  async function artifactOrRefuse(digest: string): Promise<Artifact> {
    const artifact = await findArtifact(db, digest)
    if (!artifact) throw refusals.unknownArtifact(digest)
    return artifact
  }

  async function cancel(change: Change, id: string, by: string): Promise<void> {
    const row = await get(change.db, id)
    const { message } = refusals.cancelled(row.app, by)
    const error = { message, lastLines: [] }
    const ended_at = clock.now()
    const wasQueued = await updateBuild(change.db, id, ['queued'], {
      state: 'cancelled',
      cancelled_by: by,
      error,
      ended_at,
    })
    if (wasQueued) change.event({ kind: 'build.cancelled', app: row.app, message, facts: { build: id } })
    else await updateBuild(change.db, id, ['running'], { cancelled_by: by })
    change.wake('builds')
  }

  async function insert(
    change: Change,
    { app, tree, declaration, origin, by, rebuild = false }: BuildRequest,
  ): Promise<{ id: string; at: Date }> {
    await content.completeTree(change.db, tree)
    const id = newId('b')
    const at = clock.now()
    const asked = { app, tree, declaration, origin, requested_by: by, rebuild, created_at: at }
    await insertBuild(change.db, { id, ...asked })
    return { id, at }
  }

  const builds: Builds = {
    async request(change, asked) {
      const { id } = await insert(change, asked)
      change.wake('builds')
      return id
    },
    async adopt(change, asked, artifact) {
      const { id, at } = await insert(change, asked)
      const inputs = artifact.digest
      await insertArtifact(change.db, { artifact, app: asked.app, inputs, build: id, at })
      const over = { state: 'succeeded' as const, artifact: artifact.digest, inputs }
      await updateBuild(change.db, id, ['queued'], { ...over, started_at: at, ended_at: at })
      return id
    },
    get,
    getAll: findBuilds,
    artifact: findArtifact,
    declarationOf: findDeclaration,
    cancel,
    readOutput: logs.readFrom,
    onOutput: logs.onGrowth,
    async list(app, limit) {
      return (await listBuilds(db, app, limit)).map(viewOf)
    },
    async view(id) {
      return viewOf(await get(db, id))
    },
    async log(id) {
      await get(db, id)
      return logs.read(id)
    },
    cancelBuild: (actor, id) =>
      database.change(actor, async (change) => {
        const row = await get(change.db, id)
        if (row.state !== 'queued' && row.state !== 'running') throw refusals.over(id, row.state)
        await cancel(change, id, actor.name)
        return viewOf(await get(change.db, id))
      }),
    artifactOrRefuse,
    async sbom(digest) {
      const { sbom } = await artifactOrRefuse(digest)
      return JSON.parse(content.blobs.readBytes(sbom).toString('utf8'))
    },
    async roots() {
      const [all, artifacts, layers] = await Promise.all([
        listAllBuilds(db),
        listArtifacts(db),
        listDependencyTrees(db),
      ])
      return {
        trees: [
          ...all.map((build) => build.tree),
          ...artifacts.flatMap((artifact) => artifact.layers.map((layer) => layer.tree)),
          ...layers,
        ],
        blobs: artifacts.map((artifact) => artifact.sbom),
      }
    },
    collect: () =>
      collectBuilds({
        db,
        logs,
        dependencies,
        artifactsInUse: options.artifactsInUse,
        keepBuilds: options.keepBuilds ?? KEEP_BUILDS,
        unusedBefore: new Date(clock.now().getTime() - KEEP_DEPENDENCIES),
      }),
  }

  async function pass(): Promise<void> {
    await worker.pass()
    const now = clock.now().getTime()
    if (collectAt === 0) collectAt = now + DAY / 24
    if (now < collectAt) return
    collectAt = now + DAY
    await builds.collect()
  }

  return {
    name: 'builds',
    migrations,
    routes: buildRoutes(builds),
    ...builds,
    async start() {
      await worker.recover()
      loop = startLoop({ pass, interval: LOOK_EVERY, onError })
      unlisten = database.listen('builds', loop.wake)
    },
    async stop() {
      unlisten()
      await loop?.stop()
      await worker.stop()
    },
  }
}
