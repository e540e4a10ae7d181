/** For tests: deliveries over real content and builds; releases and rollouts are rows of one table that a test moves. */
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Generated } from 'kysely'
import { TowError } from '../src/api/errors.ts'
import type { Rollout } from '../src/api/rollouts.ts'
import type { Ship } from '../src/api/ships.ts'
import type { Builder } from '../src/builders/builder.ts'
import { createBuilds } from '../src/platform/features/builds/index.ts'
import { migrations as buildMigrations } from '../src/platform/features/builds/store.ts'
import { createContent } from '../src/platform/features/content/index.ts'
import { migrations as contentMigrations } from '../src/platform/features/content/store.ts'
import { createShips, type ShipPorts } from '../src/platform/features/ships/index.ts'
import { migrations } from '../src/platform/features/ships/store.ts'
import type { Change, Queries, Within } from '../src/platform/kernel/database.ts'
import { newId } from '../src/platform/kernel/ids.ts'
import type { Migration } from '../src/platform/kernel/migrations.ts'
import { createBlobStore } from '../src/trees/blob-store.ts'
import { storeFolder } from '../src/trees/store-folder.ts'
import { openTestDatabase, type TestDatabase } from './database.ts'

export interface ReleaseRow {
  id: string
  app: string
  environment: string
  release: number
  artifact: string
  phase: Rollout['phase']
  message: string
  counts: Record<string, number>
}
type Own = { test_releases: ReleaseRow & { position: Generated<number> } }
const testMigrations: Migration[] = [
  {
    name: 'test/001-releases',
    sql: `create table test_releases (
      id text primary key, app text not null, environment text not null, release integer not null,
      artifact text not null, phase text not null, message text not null, counts jsonb not null,
      position bigint generated always as identity, unique (app, environment, release)
    )`,
  },
]
const tables = (db: Queries | Within) => db.withTables<Own>()
const OVER = ['live', 'failed', 'aborted', 'superseded']

/** Takes the source as it is. `fail` in an app's folder makes its build fail; `wait` names a file that must be there first. */
export function createTestBuilder(): Builder {
  return {
    name: 'source',
    plan: async () => ({
      language: 'test',
      because: 'it is a test',
      key: '1',
      dependencyKey: null,
      parts: { tools: {}, dependencies: {} },
      runtime: { name: 'none', version: '1', range: '*' },
      folder: '.',
      processes: { web: 'serve' },
    }),
    async build(plan, { context, path }, _declaration, _workspace, report, signal) {
      const app = join(context, path)
      report.step('compile')
      report.output(`compiling ${path}\n`)
      if (existsSync(join(app, 'wait'))) {
        const gate = (await readFile(join(app, 'wait'), 'utf8')).trim()
        while (!existsSync(gate)) {
          signal.throwIfAborted()
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
      }
      if (existsSync(join(app, 'fail')))
        throw new TowError('FAILED', `${path} does not compile`, { hint: 'mend it' })
      report.output(`compiled ${path}\n`)
      return { dependencies: null, app, env: {}, platform: 'any', runtime: plan.runtime, sbom: '{}' }
    },
  }
}

export interface Fixture {
  database: TestDatabase
  home: string
  /** What `refusals` answers, by app. */
  missing: Record<string, { message: string; hint?: string }[]>
  faults: unknown[]
  platform: ReturnType<typeof createPlatform>
  /** Ends the loops and makes new ones over the same database and folder. */
  restart(): Promise<void>
  /** Keeps files as a tree that is complete. */
  tree(files: Record<string, string>): Promise<string>
  begin(
    files: Record<string, string>,
    input?: Partial<Parameters<Fixture['platform']['ships']['begin']>[1]>,
  ): Promise<Ship>
  releases(): Promise<ReleaseRow[]>
  /** As a rollout that gets there. */
  roll(app: string, phase: Rollout['phase'], message?: string): Promise<void>
  /** Resolves when the delivery is as wanted. */
  until(id: string, fits: (ship: Ship) => boolean): Promise<Ship>
  reset(): Promise<void>
  close(): Promise<void>
}

export async function openFixture(): Promise<Fixture> {
  const database = await openTestDatabase([
    ...contentMigrations,
    ...buildMigrations,
    ...migrations,
    ...testMigrations,
  ])
  let home = await mkdtemp(join(tmpdir(), 'tow-ships-'))
  const { db } = database

  const fixture: Fixture = {
    database,
    home,
    missing: {},
    faults: [],
    platform: null as never,
    async restart() {
      await fixture.platform?.stop()
      fixture.platform = createPlatform(fixture)
      await fixture.platform.start()
    },
    async tree(files) {
      const folder = await mkdtemp(join(home, 'source-'))
      for (const [path, text] of Object.entries(files)) {
        await mkdir(join(folder, path, '..'), { recursive: true })
        await writeFile(join(folder, path), text)
      }
      const { tree } = await storeFolder(folder, fixture.platform.content.blobs)
      await fixture.platform.content.adopt(tree)
      return tree.hash
    },
    async begin(files, input = {}) {
      const tree = input.tree ?? (await fixture.tree(files))
      return fixture.platform.ships.begin(
        { name: 'ada' },
        { folderName: 'shop', origin: {}, whenBusy: 'supersede', rebuild: false, ...input, tree },
      )
    },
    releases: () => tables(db).selectFrom('test_releases').selectAll().orderBy('position').execute(),
    async roll(app, phase, message = phase) {
      await database.database.change({ name: 'towpath' }, async (change) => {
        await tables(change.db)
          .updateTable('test_releases')
          .set({ phase, message })
          .where('app', '=', app)
          .where('phase', 'not in', OVER as never)
          .execute()
        change.wake('rollouts')
      })
    },
    until(id, fits) {
      return new Promise((resolve, reject) => {
        const look = async () => {
          const ship = await fixture.platform.ships.view(id)
          if (!fits(ship)) return
          unlisten()
          resolve(ship)
        }
        const unlisten = database.database.listen('ships', () => void look().catch(reject))
        look().catch(reject)
      })
    },
    async reset() {
      await fixture.platform?.stop()
      await db
        .withTables<{ ships: object; builds: object; test_releases: object }>()
        .deleteFrom('ships')
        .execute()
      for (const table of [
        'builds',
        'build_results',
        'artifacts',
        'test_releases',
        'trees',
        'events',
      ] as const) {
        await db.deleteFrom(table as 'events').execute()
      }
      await rm(home, { recursive: true, force: true })
      home = await mkdtemp(join(tmpdir(), 'tow-ships-'))
      await chmod(home, 0o755)
      Object.assign(fixture, { home, missing: {}, faults: [], platform: null })
      await fixture.restart()
    },
    async close() {
      await fixture.platform?.stop()
      await database.close()
      await rm(home, { recursive: true, force: true })
    },
  }
  await fixture.restart()
  return fixture
}

function createPlatform(fixture: Fixture) {
  const { database } = fixture.database
  const onError = (error: unknown) => void fixture.faults.push(error)
  const clock = { now: () => new Date() }
  const content = createContent({
    database,
    blobs: createBlobStore(join(fixture.home, 'blobs')),
    clock,
    onError,
    roots: async () => ({ trees: [], blobs: [] }),
  })
  const builds = createBuilds({
    database,
    content,
    clock,
    builders: [createTestBuilder()],
    folder: join(fixture.home, 'builds'),
    digestLayer: async (tree) => ({ diffId: tree.hash, digest: tree.hash, size: 1 }),
    artifactsInUse: async () => [],
    secrets: async () => ({ environment: 'stage', values: {} }),
    endProcess: async () => {},
    onError,
    concurrency: 3,
  })
  const ships = createShips({ database, content, builds, clock, ports: createPorts(fixture), onError })
  return {
    content,
    builds,
    ships,
    async start() {
      await builds.start?.()
      await ships.start?.()
    },
    async stop() {
      await ships.stop?.()
      await builds.stop?.()
    },
  }
}

function createPorts(fixture: Fixture): ShipPorts {
  const known = [{ name: 'stage' }, { name: 'prod' }]
  return {
    environments: {
      list: async () => known,
      async get(_db, name) {
        const found = known.find((one) => one.name === name)
        if (!found)
          throw new TowError('NOT_FOUND', `there is no environment "${name}"; there are stage and prod`)
        return found
      },
    },
    apps: { ensure: async () => {} },
    refusals: async (_change, { app }) => fixture.missing[app] ?? [],
    unfit: async () => null,
    sendAhead: () => {},
    adopt: async (_environment, { reference }) => ({
      image: { reference: `${reference}@sha256:${'1'.repeat(64)}`, command: 'serve', port: 3000, user: 1000 },
      platform: { os: 'linux', arch: 'x64' },
    }),
    async serving(change, { app, environment, content }) {
      const newest = await newestRelease(change, app, environment)
      return newest?.phase === 'live' && newest.artifact === content.digest ? newest.release : null
    },
    async deliver(change, { app, environment, content, counts }) {
      const newest = await newestRelease(change, app, environment)
      const release = (newest?.release ?? 0) + 1
      const id = newId('o')
      await tables(change.db)
        .updateTable('test_releases')
        .set({ phase: 'superseded', message: `v${release} replaced it` })
        .where('app', '=', app)
        .where('phase', 'not in', OVER as never)
        .execute()
      await tables(change.db)
        .insertInto('test_releases')
        .values({
          id,
          app,
          environment,
          release,
          artifact: content.digest,
          phase: 'starting',
          message: 'starts',
          counts: JSON.stringify(counts) as never,
        })
        .execute()
      change.wake('rollouts')
      return { release: { number: release }, rollout: id }
    },
    rollouts: {
      async find(db, ids) {
        if (ids.length === 0) return []
        const rows = await tables(db).selectFrom('test_releases').selectAll().where('id', 'in', ids).execute()
        return rows.map((row) => ({
          ...row,
          previous: null,
          hint: null,
          lastLines: row.phase === 'failed' ? ['it crashed'] : [],
          by: 'ada',
          startedAt: new Date(0).toISOString(),
          endedAt: null,
          history: [],
        }))
      },
      async abort(change, id) {
        await tables(change.db)
          .updateTable('test_releases')
          .set({ phase: 'aborted', message: 'aborted' })
          .where('id', '=', id)
          .where('phase', 'not in', OVER as never)
          .execute()
        change.wake('rollouts')
      },
    },
    urls: async (app, environment) => [`http://${app}.${environment}.localhost`],
    spaces: {
      environmentOf: async () => null,
      async require(environment) {
        throw new TowError('UNSUPPORTED', `there are no spaces over ${environment}`)
      },
      prepare: async () => {
        throw new Error('there are no spaces here')
      },
    },
  }
}

function newestRelease(change: Change, app: string, environment: string) {
  return tables(change.db)
    .selectFrom('test_releases')
    .selectAll()
    .where('app', '=', app)
    .where('environment', '=', environment)
    .orderBy('release', 'desc')
    .executeTakeFirst()
}
