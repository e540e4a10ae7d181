/** The data of every published version, brought to this one and read through the API. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { VERSION } from '../src/api/version.ts'
import { createClient } from '../src/client/client.ts'
import { assemble } from '../src/platform/assemble.ts'
import { createPlatform, type Platform } from '../src/platform/platform.ts'
import { restoreHome } from '../src/platform/restore.ts'
import { openTestDatabase, type TestDatabase } from './database.ts'
import { modelPlatform } from './platform.ts'

const folder = fileURLToPath(new URL('versions', import.meta.url))
const versions = (await readdir(folder)).filter((name) => name.endsWith('.tow'))

let home: string
let database: TestDatabase
let platform: Platform | undefined

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tow-versions-'))
})
afterEach(async () => {
  await platform?.close()
  await database?.close()
  platform = undefined
})
afterAll(() => rm(home, { recursive: true, force: true }))

async function emptyDatabase(): Promise<void> {
  database = await openTestDatabase()
  await sql`drop schema public cascade`.execute(database.db)
  await sql`create schema public`.execute(database.db)
}

async function folderFor(name: string): Promise<string> {
  const path = join(home, name)
  await mkdir(path)
  return path
}

describe('a platform of this version', () => {
  test('has the data of at least one published version to prove itself on', () => {
    expect(versions.length).toBeGreaterThan(0)
  })

  test.each(versions)('works on with the data of %s', async (name) => {
    await emptyDatabase()
    const options = {
      ...modelPlatform({ home: await folderFor(name), database: database.database }),
      // Never reached: no app of it runs here.
      postgresFor: async () => ({ adminUrl: '', hostForApps: '127.0.0.1', portForApps: 1 }),
    }
    await restoreHome({
      ...{ home: options.home, file: join(folder, name), passphrase: 'published on purpose' },
      version: VERSION,
      tell: () => {},
      open: async () => ({
        parts: (await assemble(options)).parts,
        finish: async () => {},
        close: async () => {},
      }),
    })
    platform = await createPlatform(options)
    const client = createClient({
      url: await platform.listen(0),
      token: (await readFile(platform.tokenFile, 'utf8')).trim(),
    })

    const [app, ...others] = await client.apps.list({})
    expect(others).toEqual([])
    expect(app).toMatchObject({ name: 'hello', owner: 'field-team' })
    expect(app!.environments.map(({ environment }) => environment)).toEqual(['stage', 'prod'])
    const releases = await client.releases.list({ app: 'hello', environment: 'stage' })
    expect(releases.map(({ number, reason }) => [number, reason])).toEqual([
      [6, 'ship'],
      [5, 'rollback'],
      [4, 'ship'],
      [3, 'config'],
      [2, 'config'],
      [1, 'ship'],
    ])
    const secret = { app: 'hello', environment: 'stage', key: 'API_KEY' }
    expect(await client.config.reveal(secret)).toMatchObject({ value: 'published-on-purpose' })
    const rollouts = await client.rollouts.list({ app: 'hello', environment: 'stage' })
    expect(rollouts.map(({ release }) => release)).toContain(6)
    expect(await client.needs.list({})).toMatchObject([{ app: 'hello' }, { app: 'hello' }])
    expect((await client.builds.list({})).length).toBe(3)
    const kinds = new Set((await client.events.list({ limit: 500 })).map(({ kind }) => kind))
    for (const kind of ['release.created', 'config.generated', 'environment.added', 'rollout.live'])
      expect([...kinds]).toContain(kind)
    const artifact = app!.environments[0]!.artifact
    expect(artifact).toMatch(/^[0-9a-f]{64}$/)
    // And changes it: what is there is not only read.
    await client.config.set({ app: 'hello', environment: 'stage', set: { GREETING: { value: 'goodbye' } } })
    const after = await client.releases.list({ app: 'hello', environment: 'stage' })
    expect(after[0]).toMatchObject({ number: 7, reason: 'config' })
  })

  test('knows every published change of the database, unchanged and in its order', async () => {
    await emptyDatabase()
    const { migrations } = await assemble(modelPlatform({ home, database: database.database }))
    const published = Object.entries(
      JSON.parse(await readFile(join(folder, 'published.json'), 'utf8')) as Record<string, string>,
    )
    const own = migrations
      .map(({ name, sql: text }) => [name, createHash('sha256').update(text).digest('hex')])
      .filter(([name]) => published.some(([one]) => one === name))
    // A change of one of them would leave every database that has it already as it was: write a new one.
    expect(own).toEqual(published)
  })

  test('refuses the database of a newer one in one sentence, and changes nothing in it', async () => {
    await emptyDatabase()
    const options = modelPlatform({ home: await folderFor('newer'), database: database.database })
    platform = await createPlatform(options)
    await platform.close()
    platform = undefined
    await sql`insert into migrations values ('boats/001-from-the-future', now())`.execute(database.db)
    await sql`delete from migrations where name = 'content/001-trees'`.execute(database.db)
    await expect(createPlatform(options)).rejects.toMatchObject({
      code: 'REFUSED',
      message:
        'the database was written by a newer Towpath: this version does not know boats/001-from-the-future',
      hint: 'install the version of Towpath that wrote it, or a newer one',
    })
  })
})
