import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { call } from '@orpc/server'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import {
  ask,
  type DebianPostgres,
  startDebianPostgres,
  withoutDebianPostgres,
} from '../../../../test/debian-postgres.ts'
import { systemClock } from '../../kernel/clock.ts'
import { configMigrations, createConfig } from '../config/index.ts'
import { createNeeds, needMigrations } from './index.ts'

/** Apps are elsewhere, so an address of loopback is refused; this machine reaches itself by any other of its own. */
const HOST = process.env.TOW_TEST_HOST ?? '0.0.0.0'
const shop = { app: 'shop', environment: 'live' }
let home: string
let opened: TestDatabase
let company: DebianPostgres
let needs: ReturnType<typeof createNeeds>

beforeEach(({ skip }) => skip(withoutDebianPostgres !== null, withoutDebianPostgres ?? ''))

beforeAll(async () => {
  if (withoutDebianPostgres) return
  home = await mkdtemp(join(tmpdir(), 'tow-servers-'))
  opened = await openTestDatabase([...configMigrations, ...needMigrations])
  company = await startDebianPostgres(HOST)
  const config = createConfig({
    database: opened.database,
    clock: systemClock,
    keysFolder: join(home, 'keys'),
  } as never)
  needs = createNeeds({
    database: opened.database,
    clock: systemClock,
    config,
    appNames: async () => ['shop'],
    stillNeedsPostgres: async () => false,
    engines: async () => ({ addresses: async () => ({ public: [], internal: '' }) }),
    postgresFor: async () => null,
    dumpsFolder: join(home, 'dumps'),
    toolPath: process.env.PATH ?? '',
    onError: (error) => {
      throw error
    },
  })
}, 60_000)

afterAll(async () => {
  await needs?.stop?.()
  await company?.stop()
  await opened?.close()
  if (home) await rm(home, { recursive: true, force: true })
})

const add = (url: string) =>
  opened.database.change({ name: 'ada' }, (change) => needs.servers.add(change, 'live', url))

test('without a server, an app that needs postgres is refused', async () => {
  const [refusal] = await needs.check(opened.db, 'shop', 'live', ['postgres'])
  expect(refusal?.message).toContain('nothing runs a PostgreSQL for apps in live')
  expect(refusal?.hint).toContain('--postgres')
})

test('an address is looked at before it is taken: whether it is one, who it names, whether anybody answers', async () => {
  await expect(needs.servers.check('db.example.com')).rejects.toMatchObject({ code: 'BAD_INPUT' })
  await expect(needs.servers.check('postgres://a:b@localhost')).rejects.toMatchObject({
    message: 'localhost is this machine alone, and apps reach the PostgreSQL from elsewhere',
  })
  expect(await needs.servers.check(company.url)).toMatchObject({ ok: true })
  const wrong = await needs.servers.check(company.url.replace('only-for-tests', 'a-secret-guess'))
  expect(wrong).toMatchObject({ ok: false, message: expect.stringContaining('does not let us in') })
  expect(JSON.stringify(wrong)).not.toContain('a-secret-guess')
  await ask(company.superuser, `create role reader login password 'only-for-tests'`)
  expect(await needs.servers.check(company.url.replace('towpath:', 'reader:'))).toMatchObject({
    ok: false,
    message: expect.stringContaining('may not make databases and roles'),
  })
})

test('an app gets a database and a role there, and what others have in the server is left as it is', async () => {
  await ask(company.superuser, 'create role other login')
  await add(company.url)
  expect(await needs.check(opened.db, 'shop', 'live', ['postgres'])).toEqual([])
  const { DATABASE_URL: url } = await needs.ensure('shop', 'live', ['postgres'])
  expect(new URL(url!).host).toBe(new URL(company.url).host)
  await ask(url!, 'create table things (name text)')
  expect((await ask(url!, 'select current_user, current_database()')).rows).toEqual([
    { current_user: 'shop_live', current_database: 'shop_live' },
  ])
  const { rows } = await ask(
    company.superuser,
    `select has_database_privilege('other', 'postgres', 'connect') as may`,
  )
  expect(rows).toEqual([{ may: true }])
  const reader = company.url.replace('towpath:', 'reader:').replace(/postgres$/, 'shop_live')
  await expect(ask(reader, 'select 1')).rejects.toMatchObject({ code: '42501' })
})

test('a copy in a space gets one there from a dump of the app’s own, and both go with it; the app’s own stays', async () => {
  const context = { actor: { name: 'ada' }, requestId: 'test', signal: new AbortController().signal }
  const { DATABASE_URL: below } = await needs.ensure('shop', 'live', ['postgres'])
  await ask(below!, `insert into things values ('kept')`)
  await needs.start!()
  await call(needs.routes.dumps.take, { name: 'demo', ...shop }, { context })
  for (;;) {
    const [dump] = await call(needs.routes.dumps.list, undefined, { context })
    if (dump!.state === 'ready') break
    expect(dump).toMatchObject({ state: 'taking', problem: null })
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const own = { space: 'mine', dump: 'demo' }
  const { DATABASE_URL: url } = await needs.ensure('shop', 'live', ['postgres'], own)
  expect((await ask(url!, 'select name, current_user from things')).rows).toEqual([
    { name: 'kept', current_user: 'shop_live_mine' },
  ])
  await ask(url!, 'drop table things')
  expect(await needs.ensure('shop', 'live', ['postgres'], own)).toEqual({ DATABASE_URL: url })
  await expect(ask(url!, 'select * from things')).rejects.toMatchObject({ code: '42P01' })
  expect((await ask(below!, 'select name from things')).rows).toEqual([{ name: 'kept' }])
  await needs.discard({ ...shop, space: 'mine' })
  const { rows } = await ask(
    company.superuser,
    `select datname as name from pg_database where datname like 'shop%'
     union all select rolname from pg_roles where rolname like 'shop%'`,
  )
  expect(rows).toEqual([{ name: 'shop_live' }, { name: 'shop_live' }])
  expect(await call(needs.routes.needs.list, undefined, { context })).toMatchObject([{ space: null }])
})

test('the address is in no row and no event', async () => {
  const { rows } = await sql<{ text: string }>`
    select s::text as text from sealed s union all select e::text from events e
    union all select n::text from needed_servers n`.execute(opened.db)
  expect(rows.length).toBeGreaterThan(2)
  expect(rows.map(({ text }) => text).join()).not.toContain('only-for-tests')
})

test('a database is dropped there when its name is confirmed', async () => {
  const context = { actor: { name: 'ada' }, requestId: 'test', signal: new AbortController().signal }
  await call(needs.routes.needs.remove, { ...shop, confirm: 'shop_live' }, { context })
  const { rows } = await ask(company.superuser, `select datname from pg_database where datname = 'shop_live'`)
  expect(rows).toEqual([])
})
