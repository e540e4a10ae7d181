import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { call } from '@orpc/server'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { systemClock } from '../../kernel/clock.ts'
import { type PostgresOnDemand, postgresOnDemand } from '../../kernel/postgres/on-demand.ts'
import { configMigrations, createConfig } from '../config/index.ts'
import { createNeeds, needMigrations } from './index.ts'
import { drop, provision, withAdmin } from './provision.ts'

const context = { actor: { name: 'ada' }, requestId: 'test', signal: new AbortController().signal }
const web = { app: 'web', environment: 'stage' }
let home: string
let opened: TestDatabase
let server: PostgresOnDemand
let needs: ReturnType<typeof createNeeds>
let config: ReturnType<typeof createConfig>
let adminUrl: string
let stillNeeded: Set<string>
let serverIsAway: boolean

/** What a crash of the server itself leaves is tested where it is supervised. */
const settings = { fsync: 'off' }

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tow-needs-'))
  opened = await openTestDatabase([...configMigrations, ...needMigrations])
  server = postgresOnDemand({
    folder: join(home, 'apps'),
    name: 'the apps’ PostgreSQL',
    settings,
    onLog: () => {},
  })
  config = createConfig({
    database: opened.database,
    clock: systemClock,
    keysFolder: join(home, 'keys'),
  } as never)
  needs = createNeeds({
    database: opened.database,
    clock: systemClock,
    config,
    appNames: async () => ['web', 'missions', 'field-reports'],
    stillNeedsPostgres: async (_db, app) => stillNeeded.has(app),
    engines: async (environment) => ({
      addresses: async ({ app }) => ({
        public: [],
        internal: `http://127.0.0.1:4${app.length}00/${environment}`,
      }),
    }),
    async postgresFor(environment) {
      if (serverIsAway) throw new Error('the server is away')
      if (environment === 'far') return null
      const { adminUrl, port } = await server.get()
      return { adminUrl: adminUrl!, hostForApps: '127.0.0.1', portForApps: port }
    },
    dumpsFolder: join(home, 'dumps'),
    toolPath: process.env.PATH ?? '',
    onError: (error) => {
      throw error
    },
  })
  adminUrl = (await server.get()).adminUrl!
})

beforeEach(async () => {
  stillNeeded = new Set()
  serverIsAway = false
  const rows = await sql<{
    database: string
    role: string
  }>`select database, role from needed_databases`.execute(opened.db)
  for (const row of rows.rows) await withAdmin(adminUrl, (ask) => drop(ask, row))
  await sql`truncate needed_databases, sealed, encryption_keys, config_versions, events`.execute(opened.db)
  await rm(join(home, 'keys'), { recursive: true, force: true })
})

afterAll(async () => {
  await (await server.started())?.stop()
  await opened.close()
  await rm(home, { recursive: true, force: true })
})

async function query(url: string, text: string) {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

async function databaseUrl(of = web): Promise<string> {
  return (await needs.ensure(of.app, of.environment, ['postgres'])).DATABASE_URL!
}

const keep = () => opened.database.change({ name: 'ada' }, (change) => needs.keep(change, { app: 'web' }))
const remove = (confirm: string, of = web) => call(needs.routes.needs.remove, { ...of, confirm }, { context })
const list = () => call(needs.routes.needs.list, undefined, { context })
const messages = async () =>
  (await opened.db.selectFrom('events').select('message').orderBy('position').execute()).map(
    (row) => row.message,
  )

test('an app gets a database and a role of its own, in which it may do as it likes', async () => {
  const url = await databaseUrl()
  expect(url).toMatch(/^postgres:\/\/web_stage:[\w-]{32}@127\.0\.0\.1:\d+\/web_stage$/)
  await query(
    url,
    'create table boats (name text); create schema harbour; create table harbour.piers (id int)',
  )
  expect(await query(url, 'select current_user as me, current_database() as here')).toEqual([
    { me: 'web_stage', here: 'web_stage' },
  ])
  expect(await messages()).toEqual(['Gave web in stage a database of its own, web_stage'])
})

test('asking again gives the same database with its data, and no second event', async () => {
  const url = await databaseUrl()
  await query(url, 'create table boats (name text)')
  const [again, andAgain] = await Promise.all([databaseUrl(), databaseUrl()])
  expect([again, andAgain]).toEqual([url, url])
  expect(await query(url, 'select * from boats')).toEqual([])
  expect(await messages()).toHaveLength(1)
})

test('two that ask first at the same time get one database', async () => {
  const urls = await Promise.all([databaseUrl(), databaseUrl(), databaseUrl()])
  expect(new Set(urls).size).toBe(1)
  expect(await query(urls[0]!, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('a role enters no database but its own, and may make no roles or databases', async () => {
  const mine = await databaseUrl()
  await databaseUrl({ app: 'missions', environment: 'stage' })
  await databaseUrl({ app: 'web', environment: 'prod' })
  for (const other of ['missions_stage', 'web_prod', 'postgres', 'template1']) {
    await expect(query(mine.replace(/[^/]+$/, other), 'select 1')).rejects.toMatchObject({ code: '42501' })
  }
  await expect(query(mine, 'create role other')).rejects.toMatchObject({ code: '42501' })
  await expect(query(mine, 'create database other')).rejects.toMatchObject({ code: '42501' })
  await expect(query(mine, `copy (select 1) to program 'true'`)).rejects.toMatchObject({ code: '42501' })
  await expect(query(mine, 'set role postgres')).rejects.toMatchObject({ code: '42501' })
  await expect(query(mine.replace(/:[^:@]+@/, ':guess@'), 'select 1')).rejects.toMatchObject({
    code: '28P01',
  })
})

test('names that would be the same get a number', async () => {
  const one = await databaseUrl({ app: 'a-b', environment: 'c' })
  const other = await databaseUrl({ app: 'a', environment: 'b-c' })
  expect([one, other].map((url) => url.split('/').at(-1))).toEqual(['a_b_c', 'a_b_c_2'])
})

test('a crash after any statement leaves what the next try completes', async () => {
  const login = { database: 'crash_db', role: 'crash_db', password: 'not-a-secret' }
  const { port } = await server.get()
  const url = `postgres://crash_db:not-a-secret@127.0.0.1:${port}/crash_db`
  let statements = Number.POSITIVE_INFINITY
  for (let crashAt = 0; crashAt < statements; crashAt += 1) {
    let asked = 0
    const crashed = await withAdmin(adminUrl, (ask) =>
      provision(async (text) => {
        if (asked === crashAt) throw new Error('crash')
        asked += 1
        return ask(text)
      }, login),
    ).then(
      () => false,
      () => true,
    )
    if (!crashed) statements = asked
    await withAdmin(adminUrl, (ask) => provision(ask, login))
    expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
    await withAdmin(adminUrl, (ask) => drop(ask, login))
  }
  expect(statements).toBeGreaterThan(6)
})

test('a database is closed to everyone while it is being made', async () => {
  const stranger = await databaseUrl()
  const login = { database: 'half_made', role: 'half_made', password: 'x' }
  const { port } = await server.get()
  const inside: unknown[] = []
  await withAdmin(adminUrl, (ask) =>
    provision(async (text) => {
      const answer = await ask(text)
      const tries = [
        stranger.replace(/[^/]+$/, 'half_made'),
        `postgres://half_made:x@127.0.0.1:${port}/half_made`,
      ]
      if (!text.includes('allow_connections true')) {
        inside.push(
          ...(await Promise.allSettled(tries.map((url) => query(url, 'select 1')))).map(
            ({ status }) => status,
          ),
        )
      }
      return answer
    }, login),
  )
  await withAdmin(adminUrl, (ask) => drop(ask, login))
  expect(new Set(inside)).toEqual(new Set(['rejected']))
})

test('what someone took away is put back: the database, the role, the password', async () => {
  const url = await databaseUrl()
  await withAdmin(adminUrl, (ask) => drop(ask, { database: 'web_stage', role: 'web_stage' }))
  expect(await databaseUrl()).toBe(url)
  expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
  await query(adminUrl, `alter role web_stage password 'other'`)
  expect(await databaseUrl()).toBe(url)
  expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('a row without its database, as a crash leaves it, is completed', async () => {
  serverIsAway = true
  await expect(databaseUrl()).rejects.toThrow('away')
  serverIsAway = false
  const url = await databaseUrl()
  await withAdmin(adminUrl, (ask) => drop(ask, { database: 'web_stage', role: 'web_stage' }))
  expect(await databaseUrl()).toBe(url)
})

test('a password whose key is lost is made anew', async () => {
  const url = await databaseUrl()
  for (const name of await readdir(join(home, 'keys'))) await rm(join(home, 'keys', name))
  const restarted = createConfig({
    database: opened.database,
    clock: systemClock,
    keysFolder: join(home, 'keys'),
  } as never)
  const after = createNeeds({
    database: opened.database,
    clock: systemClock,
    config: restarted,
    postgresFor: async () => ({ adminUrl, hostForApps: '127.0.0.1', portForApps: (await server.get()).port }),
  } as never)
  const { DATABASE_URL: renewed } = await after.ensure('web', 'stage', ['postgres'])
  expect(renewed).not.toBe(url)
  expect(await query(renewed!, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('the password is in no row, event or log', async () => {
  const url = await databaseUrl()
  const password = /:([^:@]+)@/.exec(url)![1]!
  await call(needs.routes.needs.connect, web, { context })
  const { rows } = await sql<{ text: string }>`
    select t::text as text from needed_databases t union all select t::text from sealed t
    union all select t::text from events t union all select t::text from idempotency t`.execute(opened.db)
  expect(rows.length).toBeGreaterThan(2)
  expect(rows.map(({ text }) => text).join()).not.toContain(password)
  const roles = await query(adminUrl, `select rolpassword from pg_authid where rolname = 'web_stage'`)
  expect(roles[0].rolpassword).toMatch(/^SCRAM-SHA-256\$4096:/)
})

test('opening a database is in the timeline, with who did it', async () => {
  const url = await databaseUrl()
  expect(await call(needs.routes.needs.connect, web, { context })).toEqual({ url })
  expect((await messages()).at(-1)).toBe('Opened the database web_stage of web in stage')
  await expect(call(needs.routes.needs.connect, { ...web, app: 'wep' }, { context })).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: 'no database is run for wep in stage',
    hint: 'did you mean web?',
  })
})

test('an app that is removed leaves its database, and finds it again when it comes back', async () => {
  const url = await databaseUrl()
  await query(url, 'create table boats (name text)')
  expect(await keep()).toEqual(['web_stage'])
  expect(await list()).toMatchObject([{ app: 'web', database: 'web_stage', kept: true }])
  expect(await databaseUrl()).toBe(url)
  expect(await query(url, 'select * from boats')).toEqual([])
  expect(await list()).toMatchObject([{ kept: false }])
})

test('data goes only when nothing uses it and its name is said', async () => {
  const url = await databaseUrl()
  stillNeeded.add('web')
  await expect(remove('web_stage')).rejects.toMatchObject({
    code: 'REFUSED',
    message: 'web in stage still uses the database web_stage',
  })
  stillNeeded.clear()
  await expect(remove('yes')).rejects.toMatchObject({
    message: 'the database of web in stage is called web_stage, not "yes"; nothing was dropped',
    hint: 'tow needs remove web -e stage --confirm web_stage',
  })
  expect(await query(url, 'select 1 as one')).toEqual([{ one: 1 }])
  await keep()
  expect(await remove('web_stage')).toEqual({ database: 'web_stage' })
  await expect(query(url, 'select 1')).rejects.toThrow()
  expect(await list()).toEqual([])
  await expect(remove('web_stage')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const fresh = await databaseUrl()
  expect(fresh).not.toBe(url)
  expect(await query(fresh, `select from pg_tables where schemaname = 'public'`)).toEqual([])
})

test('a drop that could not be done now is done at the next start', async () => {
  const url = await databaseUrl()
  serverIsAway = true
  await expect(remove('web_stage')).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'the database web_stage could not be dropped yet: the server is away',
    hint: 'it is tried again by itself',
  })
  serverIsAway = false
  await expect(databaseUrl()).rejects.toMatchObject({ message: 'the database web_stage is being dropped' })
  await needs.start?.()
  await needs.stop?.()
  await expect(query(url, 'select 1')).rejects.toThrow()
  expect((await messages()).at(-1)).toBe('Dropped the database web_stage of web in stage')
})

test('another app arrives as its address inside', async () => {
  expect(needs.injectedNames(['postgres', 'field-reports'])).toEqual(['DATABASE_URL', 'FIELD_REPORTS_URL'])
  expect(await needs.ensure('web', 'stage', ['field-reports', 'missions'])).toEqual({
    FIELD_REPORTS_URL: 'http://127.0.0.1:41300/stage',
    MISSIONS_URL: 'http://127.0.0.1:4800/stage',
  })
})

test('needs that can’t be met are told all at once, before anything moves', async () => {
  const check = (wanted: string[], together: string[] = [], environment = 'stage') =>
    needs.check(opened.db, 'web', environment, wanted, together)
  expect(await check(['postgres', 'missions', 'field-reports'])).toEqual([])
  expect(await check(['new-app'], ['new-app', 'web'])).toEqual([])
  expect(await check(['web', 'misions', 'postgres'], [], 'far')).toMatchObject([
    { message: 'web needs itself' },
    { message: 'web needs "misions", and there is no such app', hint: 'did you mean missions?' },
    { message: 'web needs postgres, and nothing runs a PostgreSQL for apps in far' },
  ])
  expect(await check(['redis'])).toMatchObject([{ hint: /besides apps there is only postgres/ }])
  expect(await check(['postgres', 'database'], ['database'])).toMatchObject([
    { message: 'web needs postgres and database, and both would arrive as DATABASE_URL' },
  ])
})
