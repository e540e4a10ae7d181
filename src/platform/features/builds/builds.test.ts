import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { createBuildFixture, startTimeOf } from '../../../../test/builds-fixture.ts'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { serveForTest, type TestServer } from '../../../../test/serve.ts'
import { storeFolder } from '../../../trees/store-folder.ts'
import { migrations as contentMigrations } from '../content/store.ts'
import type { AppDeclaration } from '../manifests/index.ts'
import type { Builds } from './index.ts'
import { migrations } from './store.ts'

const PERSON = { name: 'ada' }
let database: TestDatabase
let home: string
let platform: Awaited<ReturnType<typeof startPlatform>>
let secrets: Record<string, string>
let inUse: string[]
let packed: string[]
let faults: unknown[]

beforeAll(async () => {
  database = await openTestDatabase([...contentMigrations, ...migrations])
})
afterAll(() => database.close())
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'tow-builds-'))
  await chmod(home, 0o755)
  secrets = {}
  inUse = []
  packed = []
  faults = []
  platform = await startPlatform()
  return async () => {
    await platform.stop()
    await rm(home, { recursive: true, force: true })
    await database.db.withTables<{ builds: { id: string } }>().deleteFrom('builds').execute()
    expect(faults).toEqual([])
  }
})

/** The feature on this home and database, as after a start of the platform. */
async function startPlatform(
  options: { timeLimit?: number; concurrency?: number; start?: boolean; keepBuilds?: number } = {},
) {
  const { start, ...limits } = options
  const { content, builds } = createBuildFixture({
    database: database.database,
    home,
    onError: (error) => void faults.push(error),
    async digestLayer(tree) {
      packed.push(tree.hash)
      return { diffId: `sha256:${tree.hash}`, digest: `sha256:${tree.hash}`, size: tree.entries.length }
    },
    artifactsInUse: async () => inUse,
    secrets: async () => ({ environment: 'stage', values: secrets }),
    ...limits,
  })
  if (start !== false) await builds.start?.()
  const server: TestServer = await serveForTest({ database: database.database, routes: builds.routes })
  return {
    builds,
    content,
    client: server.client,
    async stop() {
      await server.close()
      await builds.stop?.()
    },
  }
}

const declare = (change: Partial<AppDeclaration> = {}): AppDeclaration => ({
  name: 'missions',
  path: '.',
  context: '.',
  build: { builder: 'auto', secrets: [] },
  run: { processes: {}, crons: {}, variables: {}, needs: [] },
  dev: { ignore: [] },
  counts: {},
  perEnvironment: {},
  sources: [],
  ...change,
})

/** Keeps the files as a tree, as if they had been sent. */
async function shipTree(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(home, 'source-'))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  const { tree } = await storeFolder(folder, platform.content.blobs)
  await platform.content.adopt(tree)
  return tree.hash
}

async function request(
  files: Record<string, string>,
  options: { declaration?: AppDeclaration; rebuild?: boolean; app?: string } = {},
): Promise<string> {
  const tree = await shipTree(files)
  const { declaration = declare(), rebuild = false, app = 'missions' } = options
  return database.database.change(PERSON, (change) =>
    platform.builds.request(change, { app, tree, declaration, origin: {}, by: 'ada', rebuild }),
  )
}

type Row = Awaited<ReturnType<Builds['get']>>

/** Resolves when the build is in a state that fits. */
function until(id: string, fits: (row: Row) => boolean): Promise<Row> {
  return new Promise((resolve, reject) => {
    const look = async () => {
      const row = await platform.builds.get(database.db, id)
      if (!fits(row)) return
      unlisten()
      resolve(row)
    }
    const unlisten = database.database.listen('builds', () => void look().catch(reject))
    look().catch(reject)
  })
}
const ended = (id: string) => until(id, ({ state }) => state !== 'queued' && state !== 'running')

/** Resolves when the build has written something that fits. */
function untilOutput(id: string, fits: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = async () => {
      if (!fits.test((await platform.builds.readOutput(id, 0)).text)) return
      leave()
      resolve()
    }
    const leave = platform.builds.onOutput(id, () => void look().catch(reject))
    look().catch(reject)
  })
}

async function build(...parameters: Parameters<typeof request>): Promise<Row> {
  return ended(await request(...parameters))
}

async function readLog(id: string): Promise<string> {
  return (await platform.client.builds.log({ id })).text
}

const events = async () =>
  (await database.db.selectFrom('events').selectAll().orderBy('position').execute()).map(
    ({ kind, facts, message }) => ({
      kind,
      message,
      build: (facts as { build?: string }).build,
    }),
  )

describe('a build', () => {
  test('gives an artifact with layers, run spec and SBOM', async () => {
    const row = await build({ app: 'echo hi', lock: 'a@1', 'build.sh': 'echo built > built.txt' })
    expect(row).toMatchObject({ state: 'succeeded', reused: false, because: 'found app', error: null })
    const artifact = await platform.client.builds.artifact({ digest: row.artifact! })
    expect(artifact.layers.map((layer) => layer.kind)).toEqual(['dependencies', 'app'])
    expect(artifact.run.processes.web?.command).toBe('sh app')
    const app = await platform.content.tree(artifact.layers[1]!.tree)
    expect(app.entries.map((entry) => entry.path)).toEqual(['app', 'build.sh', 'built.txt', 'lock'])
    expect(await platform.client.builds.sbom({ digest: row.artifact! })).toMatchObject({
      bomFormat: 'CycloneDX',
    })
    expect((await events()).at(-1)).toMatchObject({ kind: 'build.succeeded', build: row.id })
  })

  test('of the same inputs is not made twice, and says so', async () => {
    const files = { app: 'same', 'build.sh': 'date +%N > built.txt' }
    const first = await build(files)
    const second = await build(files, { app: 'another-name' })
    expect(second).toMatchObject({ state: 'succeeded', reused: true, artifact: first.artifact })
    expect(second.steps.at(-1)?.reused).toContain(first.artifact!.slice(0, 12))
    const changed = await build({ ...files, app: 'changed' })
    expect(changed.artifact).not.toBe(first.artifact)
  })

  test('that two ask for at once is made once', async () => {
    const gate = join(home, 'gate')
    const files = {
      app: 'twins',
      'build.sh': `while [ ! -e ${gate} ]; do sleep 0.01; done; date +%N > built.txt`,
    }
    const ids = [await request(files), await request(files)]
    await until(ids[0]!, ({ state }) => state === 'running')
    await writeFile(gate, '')
    const [first, second] = [await ended(ids[0]!), await ended(ids[1]!)]
    expect(first).toMatchObject({ state: 'succeeded', reused: false })
    expect(second).toMatchObject({ state: 'succeeded', reused: true, artifact: first.artifact })
  })

  test('is made again when that is asked for', async () => {
    const files = { app: 'again', 'build.sh': 'date +%N > built.txt' }
    const first = await build(files)
    const second = await build(files, { rebuild: true })
    expect(second).toMatchObject({ state: 'succeeded', reused: false })
    expect(second.artifact).not.toBe(first.artifact)
  })

  test('reads nothing outside of its context, and a change elsewhere is no change to it', async () => {
    const declaration = declare({ path: 'services/api', context: 'services/api' })
    const first = await build({ 'services/api/app': 'api', 'readme.md': 'one' }, { declaration })
    const second = await build({ 'services/api/app': 'api', 'readme.md': 'two' }, { declaration })
    expect(second).toMatchObject({ reused: true, artifact: first.artifact })
  })

  test('is made again where files of its artifact were lost', async () => {
    const files = { app: 'lost', 'build.sh': 'echo built > built.txt' }
    const first = await build(files)
    const { blobs } = platform.content
    await rm(blobs.path(createHash('sha256').update('built\n').digest('hex')))
    expect(await build(files)).toMatchObject({ state: 'succeeded', reused: false, artifact: first.artifact })
  })

  test('that fails does no harm to others', async () => {
    const other = await request({ app: 'fine', 'build.sh': 'sleep 0.1' })
    await build({ app: 'x', 'build.sh': 'exit 1' })
    expect(await ended(other)).toMatchObject({ state: 'succeeded' })
    const { tree } = await platform.builds.get(database.db, other)
    const rows = database.db.withTables<{ trees: { hash: string; complete: boolean } }>().selectFrom('trees')
    expect(await rows.select('complete').where('hash', '=', tree).execute()).toEqual([{ complete: true }])
  })

  test('takes the dependencies of an unchanged lockfile as they are', async () => {
    const first = await build({ app: 'v1', lock: 'b@1' })
    const second = await build({ app: 'v2', lock: 'b@1' })
    expect(second.steps.find((step) => step.name === 'install')?.reused).toBe('the lockfile has not changed')
    expect(second.steps.at(-1)?.because).toBe('app changed')
    const [one, other] = await Promise.all(
      [first, second].map((row) => platform.builds.artifactOrRefuse(row.artifact!)),
    )
    expect(other!.layers[0]).toEqual(one!.layers[0])
    expect(packed.filter((tree) => tree === one!.layers[0]!.tree)).toHaveLength(1)
  })

  test('lays the dependencies out again where their folder was lost', async () => {
    await build({ app: 'v1', lock: 'c@1' })
    await rm(join(home, 'builds/dependencies'), { recursive: true })
    const second = await build({ app: 'v2', lock: 'c@1' })
    expect(second).toMatchObject({ state: 'succeeded' })
    expect(second.steps.find((step) => step.name === 'install')?.reused).not.toBeNull()
  })

  test('that fails says why, with the last lines it wrote', async () => {
    const row = await build({ app: 'x', 'build.sh': 'echo one; echo two >&2; exit 3' })
    expect(row).toMatchObject({ state: 'failed', artifact: null, interrupted: false })
    expect(row.error).toMatchObject({ message: 'sh build.sh failed with exit code 3', hint: 'look at it' })
    expect(row.error!.lastLines.sort()).toEqual(['one', 'two'])
    expect(row.steps.at(-1)).toMatchObject({ name: 'sh build.sh', failed: true })
    expect((await events()).at(-1)).toMatchObject({ kind: 'build.failed', build: row.id })
  })

  test('of something that no builder knows is refused with the way out', async () => {
    const row = await build({ 'notes.txt': 'x' })
    expect(row.error).toMatchObject({
      message: expect.stringContaining('missions'),
      hint: expect.any(String),
    })
  })

  test('streams its output while it runs, and all of it to whoever comes later', async () => {
    const gate = join(home, 'gate')
    const id = await request({
      app: 'x',
      'build.sh': `echo first; while [ ! -e ${gate} ]; do sleep 0.01; done; echo last`,
    })
    await until(id, ({ state }) => state === 'running')
    await untilOutput(id, /first/)
    expect((await platform.builds.get(database.db, id)).state).toBe('running')
    expect(await platform.builds.readOutput(id, 0)).toEqual({ text: 'first\n', offset: 6 })
    await writeFile(gate, '')
    await ended(id)
    expect(await platform.builds.readOutput(id, 6)).toEqual({ text: 'last\n', offset: 11 })
    expect(await platform.builds.readOutput(id, 11)).toEqual({ text: '', offset: 11 })
    expect(await readLog(id)).toBe('first\nlast\n')
  })

  test('that takes too long is ended, with all its processes', async () => {
    await platform.stop()
    platform = await startPlatform({ timeLimit: 300 })
    const row = await build({ app: 'x', 'build.sh': 'sleep 60 & echo $!; wait' })
    expect(row).toMatchObject({ state: 'failed' })
    expect(row.error?.message).toMatch(/took longer than/)
    await expectGone(Number(await readLog(row.id)))
  })

  test('can be cancelled, queued or running', async () => {
    const running = await request({ app: 'x', 'build.sh': 'sleep 60 & echo $!; wait' })
    await until(running, ({ state }) => state === 'running')
    await untilOutput(running, /\n/)
    await platform.client.builds.cancel({ id: running })
    const row = await ended(running)
    expect(row).toMatchObject({
      state: 'cancelled',
      error: { message: 'the build of missions was cancelled by ada' },
    })
    await expectGone(Number(await readLog(running)))
    await expect(platform.client.builds.cancel({ id: running })).rejects.toMatchObject({ code: 'CONFLICT' })

    await platform.stop()
    platform = await startPlatform({ start: false })
    const queued = await request({ app: 'y' })
    expect(await platform.client.builds.cancel({ id: queued })).toMatchObject({ state: 'cancelled' })
  })

  test('waits while as many run as may', async () => {
    const gate = join(home, 'gate')
    const script = (name: string) => ({
      app: name,
      'build.sh': `while [ ! -e ${gate} ]; do sleep 0.01; done`,
    })
    const ids = [await request(script('1')), await request(script('2')), await request(script('3'))]
    await Promise.all(ids.slice(0, 2).map((id) => until(id, ({ state }) => state === 'running')))
    expect((await platform.builds.get(database.db, ids[2]!)).state).toBe('queued')
    await writeFile(gate, '')
    for (const id of ids) expect((await ended(id)).state).toBe('succeeded')
  })

  test('leaves no folder behind', async () => {
    await build({ app: 'x', 'build.sh': 'exit 1' })
    await build({ app: 'y' })
    await platform.builds.stop?.()
    expect(await readdir(join(home, 'builds/work'))).toEqual([])
    expect(await readdir(join(home, 'builds/trash'))).toEqual([])
  })
})

describe('build secrets', () => {
  const SECRET = 'tok-9f8e7d6c5b4a'
  const withSecret = declare({ build: { builder: 'auto', secrets: ['NPM_TOKEN'] } })

  test('reach the build and nothing that is kept', async () => {
    secrets = { NPM_TOKEN: SECRET }
    const script = [
      // In two pieces, in base64, and in a sentence.
      `printf "%s" "\${NPM_TOKEN%7d6c5b4a}"; sleep 0.05; echo "7d6c5b4a"`,
      'printf "%s" "$NPM_TOKEN" | base64',
      'echo "the token is $NPM_TOKEN"',
    ].join('\n')
    const row = await build({ app: 'x', 'build.sh': script }, { declaration: withSecret })
    expect(row.state).toBe('succeeded')
    expect(await readLog(row.id)).toBe('[NPM_TOKEN]\n[NPM_TOKEN]\nthe token is [NPM_TOKEN]\n')
    // Until its folder is deleted too.
    await platform.builds.stop?.()
    for (const file of await readdir(home, { recursive: true, withFileTypes: true })) {
      if (!file.isFile()) continue
      expect((await readFile(join(file.parentPath, file.name))).includes(SECRET), file.name).toBe(false)
    }
    for (const table of [
      'events',
      'builds',
      'artifacts',
      'build_results',
      'layer_digests',
      'trees',
    ] as const) {
      const rows = await database.db
        .selectFrom(table as 'events')
        .selectAll()
        .execute()
      expect(JSON.stringify(rows), table).not.toContain(SECRET)
    }
  })

  test('that the build writes into its result make it fail, and nothing is kept as an artifact', async () => {
    secrets = { NPM_TOKEN: SECRET }
    const row = await build(
      { app: 'x', 'build.sh': 'echo "$NPM_TOKEN" > config.json' },
      { declaration: withSecret },
    )
    expect(row).toMatchObject({ state: 'failed', artifact: null })
    expect(row.error?.message).toContain('config.json')
    expect(row.error?.message).not.toContain(SECRET)
  })

  test('that are not set are asked for before anything runs', async () => {
    const row = await build({ app: 'x', 'build.sh': 'echo ran' }, { declaration: withSecret })
    expect(row.error).toMatchObject({
      message: 'the build of missions needs NPM_TOKEN, and it is not set in stage',
      hint: 'tow config set --secret NPM_TOKEN=... -a missions -e stage',
    })
    expect(await readLog(row.id)).toBe('')
  })
})

describe('a platform that stopped while a build ran', () => {
  test('ends what is left of it at the next start, and says what happened', async () => {
    await platform.stop()
    platform = await startPlatform({ start: false })
    const id = await request({ app: 'x' })
    // As a platform leaves it that was killed: the row runs, a process works in the folder.
    const work = join(home, 'builds/work', id)
    await mkdir(join(work, 'workspace'), { recursive: true })
    const orphan = spawn('/bin/sh', ['-c', 'sleep 60 & sleep 60'], {
      cwd: join(work, 'workspace'),
      detached: true,
      stdio: 'ignore',
    })
    const bystander = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
    try {
      await writeFile(
        join(work, 'processes'),
        `${orphan.pid} ${startTimeOf(orphan.pid!)}\n${bystander.pid} 1\n`,
      )
      await database.db
        .withTables<{ builds: { id: string; state: string } }>()
        .updateTable('builds')
        .set({ state: 'running' })
        .where('id', '=', id)
        .execute()
      const orphanEnded = new Promise((resolve) => orphan.on('exit', resolve))
      await platform.builds.start?.()
      const row = await platform.builds.get(database.db, id)
      expect(row).toMatchObject({ state: 'failed', interrupted: true })
      expect(row.error?.message).toBe('the platform stopped while the build of missions ran')
      expect((await events()).at(-1)).toMatchObject({ kind: 'build.failed', build: id })
      await orphanEnded
      expect(bystander.exitCode).toBeNull()
      expect(existsSync(work)).toBe(false)
    } finally {
      bystander.kill('SIGKILL')
    }
  })

  test('by kill -9 leaves nothing running after the next start', async () => {
    await platform.stop()
    platform = await startPlatform({ start: false })
    const fixture = new URL('../../../../test/builds-fixture.ts', import.meta.url).pathname
    const killed = spawn(process.execPath, [fixture, JSON.stringify(database.connection), home], {
      stdio: 'inherit',
    })
    const exited = new Promise((resolve) => killed.once('exit', resolve))
    try {
      const id = await request({ app: 'x', 'build.sh': 'sleep 60 & echo $!; wait' })
      await until(id, ({ steps }) => steps.some((step) => step.name === 'sh build.sh'))
      await vi.waitUntil(async () => (await platform.builds.readOutput(id, 0)).text !== '', {
        timeout: 20_000,
        interval: 10,
      })
      const pid = Number((await platform.builds.readOutput(id, 0)).text)
      process.kill(pid, 0)
      killed.kill('SIGKILL')
      await exited
      await platform.builds.start?.()
      expect(await platform.builds.get(database.db, id)).toMatchObject({
        state: 'failed',
        interrupted: true,
        error: { lastLines: [String(pid)] },
      })
      await expectGone(pid)
      expect(existsSync(join(home, 'builds/work', id))).toBe(false)
    } finally {
      killed.kill('SIGKILL')
      await exited
    }
  })

  test('or whose database was away when a build ended, does not wait for it for ever', async () => {
    const id = await request({ app: 'x' })
    await ended(id)
    await database.db
      .withTables<{ builds: { id: string; state: string } }>()
      .updateTable('builds')
      .set({ state: 'running' })
      .where('id', '=', id)
      .execute()
    await database.database.change(PERSON, async (change) => change.wake('builds'))
    expect(await ended(id)).toMatchObject({ state: 'failed', interrupted: true })
  })

  test('goes on with what was queued', async () => {
    await platform.stop()
    platform = await startPlatform({ start: false })
    const id = await request({ app: 'queued before' })
    await platform.builds.start?.()
    expect((await ended(id)).state).toBe('succeeded')
  })

  test('by itself ends its builds first', async () => {
    const id = await request({ app: 'x', 'build.sh': 'sleep 60 & echo $!; wait' })
    await untilOutput(id, /\n/)
    await until(id, ({ steps }) => steps.some((step) => step.name === 'sh build.sh'))
    await platform.stop()
    const pid = Number(await readFile(join(home, 'builds/logs', `${id}.log`), 'utf8'))
    await expectGone(pid)
    platform = await startPlatform()
    expect(await platform.builds.get(database.db, id)).toMatchObject({ state: 'failed', interrupted: true })
  })
})

describe('collection', () => {
  test('keeps the newest builds of each app and artifacts in use, and nothing else', async () => {
    await platform.stop()
    platform = await startPlatform({ keepBuilds: 2 })
    const rows: Row[] = []
    for (const version of ['1', '2', '3', '4']) rows.push(await build({ app: version }))
    const other = await build({ app: 'other' }, { app: 'reports' })
    inUse = [rows[0]!.artifact!]
    await platform.builds.collect()
    await platform.content.collect()

    const has = async (row: Row) => (await platform.builds.artifact(database.db, row.artifact!)) !== null
    expect(await Promise.all(rows.map(has))).toEqual([true, false, true, true])
    expect(await has(other)).toBe(true)
    expect((await platform.client.builds.list({ limit: 10 })).map(({ id }) => id)).toEqual([
      other.id,
      rows[3]!.id,
      rows[2]!.id,
    ])
    expect(existsSync(join(home, 'builds/logs', `${rows[0]!.id}.log`))).toBe(false)
    for (const row of [rows[0]!, rows[3]!]) {
      const artifact = await platform.builds.artifactOrRefuse(row.artifact!)
      for (const { tree } of artifact.layers) {
        const { entries } = await platform.content.completeTree(database.db, tree)
        for (const { digest } of entries) expect(platform.content.blobs.has(digest)).toBe(true)
      }
      expect(platform.content.blobs.has(artifact.sbom)).toBe(true)
    }
    // What was thrown away is built again, not taken for there.
    const again = await build({ app: '2' })
    expect(again).toMatchObject({ state: 'succeeded', reused: false, artifact: rows[1]!.artifact })
  })
})

async function expectGone(pid: number): Promise<void> {
  expect(pid).toBeGreaterThan(1)
  // Signals are delivered at once; the process table follows.
  for (let look = 0; look < 200; look += 1) {
    try {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
      if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) return
    } catch {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  expect.fail(`process ${pid} still runs`)
}
