/** A space with databases of its own, as a person uses it: the real command, real processes, a real PostgreSQL. */
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Dump } from '../src/api/dumps.ts'
import type { Space } from '../src/api/spaces.ts'
import {
  type DebianPostgres,
  startDebianPostgres,
  ask as tell,
  withoutDebianPostgres,
} from './debian-postgres.ts'
import { newPerson, type Person } from './tow.ts'

const execute = promisify(execFile)
let ann: Person
let folder: string

/** Adds a boat each time it runs, so that whose database it ran in can be seen. */
const RELEASE = `
import pg from ${JSON.stringify(import.meta.resolve('pg'))}
const client = new pg.Client({ connectionString: process.env.DATABASE_URL })
await client.connect()
await client.query('create table if not exists boats (name text)')
await client.query('insert into boats values ($1)', [process.env.TOW_SPACE ?? process.env.TOW_ENVIRONMENT])
await client.end()
`
const SERVER = `
import { createServer } from 'node:http'
createServer((_request, response) => response.end(new URL(process.env.DATABASE_URL ?? 'postgres://none/none').pathname)).listen(process.env.PORT)
`

beforeAll(async () => {
  ann = await newPerson()
  folder = join(ann.folder, 'shop')
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await writeFile(join(folder, 'server.js'), SERVER)
  await writeFile(join(folder, 'release.js'), RELEASE)
  await writeFile(
    join(folder, 'tow.yaml'),
    `version: 1
apps:
  shop: { needs: [postgres], processes: { web: { command: node server.js }, release: { command: node release.js } } }
  page: { processes: { web: { command: node server.js } } }
`,
  )
  await tow('ship')
}, 120_000)
afterAll(() => ann?.leave(), 120_000)

async function tow(...args: string[]) {
  const ended = await ann.tow(args, { cwd: folder })
  expect(ended, ended.stderr).toMatchObject({ exit: 0 })
  return ended
}

async function refused(...args: string[]): Promise<string> {
  const ended = await ann.tow(args, { cwd: folder })
  expect(ended.exit).not.toBe(0)
  return ended.stderr
}

async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

const urlOf = async (...at: string[]) => (await tow('psql', '--url', ...at, 'shop')).stdout.trim()
const boats = async (...at: string[]) =>
  (await query<{ name: string }>(await urlOf(...at), 'select name from boats')).map(({ name }) => name)

/** Names of what the server itself holds; every role may read them. */
async function onTheServer(): Promise<string[]> {
  const found = await query<{ name: string }>(
    await urlOf(),
    `select datname as name from pg_database where datname like 'shop%'
     union select rolname from pg_roles where rolcanlogin and rolname like 'shop%' order by 1`,
  )
  return found.map(({ name }) => name)
}

async function gone(space: string): Promise<void> {
  for (const end = Date.now() + 30_000; ; ) {
    const spaces = await ann.ask<Space[]>(['spaces'])
    if (spaces.every(({ name }) => name !== space)) return
    if (Date.now() > end) throw new Error(`${space} is still there`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

describe('a space with databases of its own', { timeout: 120_000 }, () => {
  test('holds copies of what is live below, each with an empty database in which its release command ran', async () => {
    const { stderr, stdout } = await tow('spaces', 'add', 'mine', '--apps', 'shop,page', '--own-databases')
    expect(stderr).toContain('shop has a database of its own')
    expect(stdout).toMatch(/http:\/\/shop--mine\.stage\.localhost/)
    const space = await ann.ask<Space>(['spaces', 'show', 'mine'])
    expect(space.apps).toMatchObject([
      { app: 'page', state: 'live', ownDatabase: null },
      { app: 'shop', state: 'live', ownDatabase: { dump: null } },
    ])
    expect((await tow('spaces')).stdout).toContain('own database')
    expect(await boats('--space', 'mine')).toEqual(['mine'])
    expect(await boats()).toEqual(['stage'])
    expect((await tow('spaces', 'plan', 'mine')).stdout).toMatch(
      /need +postgres +the environment’s +→ +its own/,
    )
    expect((await tow('needs')).stdout).toMatch(/shop +mine over stage +postgres +shop_stage_mine/)
  })

  test('keeps its data through a delivery, a stop and a start; nobody else’s is touched', async () => {
    await writeFile(join(folder, 'server.js'), `${SERVER}// changed`)
    await tow('ship', '--space', 'mine', '-a', 'shop')
    await tow('spaces', 'stop', 'mine')
    await tow('spaces', 'start', 'mine')
    expect(await boats('--space', 'mine')).toEqual(['mine', 'mine'])
    expect(await boats()).toEqual(['stage'])
  })

  test('its role opens no other database, and the environment’s not this one', async () => {
    const [mine, below] = [new URL(await urlOf('--space', 'mine')), new URL(await urlOf())]
    const crossed = [
      Object.assign(new URL(mine), { pathname: below.pathname }),
      Object.assign(new URL(below), { pathname: mine.pathname }),
    ]
    for (const url of crossed)
      await expect(query(url.href, 'select 1')).rejects.toMatchObject({ code: '42501' })
    const told = JSON.stringify([
      await ann.ask(['spaces']),
      (await tow('events', '-n', '500', '--json')).stdout,
    ])
    expect(told).not.toContain(mine.password)
  })

  test('goes with its databases and roles', async () => {
    expect(await onTheServer()).toContain('shop_stage_mine')
    await tow('spaces', 'remove', 'mine')
    await gone('mine')
    expect(await onTheServer()).toEqual(['shop_stage'])
    expect((await tow('events', '-n', '20')).stdout).toContain('Dropped the database shop_stage_mine of shop')
    expect(await boats()).toEqual(['stage'])
  })

  test('is what a full space is on this machine; as many of its processes run as somebody asks for', async () => {
    await tow('spaces', 'add', 'full', '--apps', 'shop', '--full')
    expect(await ann.ask<Space>(['spaces', 'show', 'full'])).toMatchObject({
      ...{ full: true, place: null, apps: [{ app: 'shop', state: 'live', ownDatabase: { dump: null } }] },
    })
    const web = () => ann.ask<Space>(['spaces', 'show', 'full']).then(({ apps }) => apps[0]!.processes.web)
    expect((await tow('scale', 'web=2', '--space', 'full', '-a', 'shop')).stderr).toContain('web: 1 → 2')
    await expect.poll(web, { timeout: 30_000 }).toEqual({ wanted: 2, healthy: 2 })
    expect((await tow('ps', '--space', 'full', '-a', 'shop')).stderr).toContain('web=2 was set by hand')
    expect((await tow('scale', '--space', 'full', '-a', 'shop')).stdout).toContain('web=2  (2 healthy)')
    await tow('scale', 'web=source', '--space', 'full', '-a', 'shop')
    await expect.poll(web, { timeout: 30_000 }).toEqual({ wanted: 1, healthy: 1 })
    await tow('spaces', 'remove', 'full')
    await gone('full')
    expect(await onTheServer()).toEqual(['shop_stage'])
  })

  test('is refused where an app would use the environment’s database all the same', async () => {
    await tow('config', 'set', '--secret', 'DATABASE_URL=postgres://a:b@c/d', '-a', 'page')
    expect(await refused('spaces', 'add', 'mine', '--apps', 'page', '--own-databases')).toContain(
      'the copy would use the environment’s database',
    )
    expect(await refused('spaces', 'add', 'mine', '--apps', 'nothing')).toContain('nothing to copy')
    await tow('config', 'unset', 'DATABASE_URL', '-a', 'page')
  })
})

describe('a person', { timeout: 180_000 }, () => {
  const boats = Array.from({ length: 6 }, (_, at) => `boat${at + 1}`)
  let fleet: string

  beforeAll(async () => {
    fleet = join(ann.folder, 'fleet')
    await mkdir(fleet)
    await writeFile(join(fleet, 'package.json'), '{ "type": "module" }')
    await writeFile(join(fleet, 'server.js'), SERVER)
    const app = '{ needs: [postgres], processes: { web: { command: node server.js } } }'
    await writeFile(
      join(fleet, 'tow.yaml'),
      `version: 1\napps:\n${boats.map((one) => `  ${one}: ${app}\n`).join('')}`,
    )
    expect(await ann.tow(['ship'], { cwd: fleet })).toMatchObject({ exit: 0 })
  }, 180_000)

  test('has five databases in spaces and no sixth, however it is asked for; one that goes makes room', async () => {
    const [last, ...five] = boats.toReversed()
    await tow('spaces', 'add', 'five', '--apps', five.join(','), '--own-databases')
    const most = 'would have more than 5 databases in spaces'
    expect(await refused('spaces', 'add', 'five', '--apps', last!, '--own-databases')).toContain(most)
    expect(await refused('spaces', 'add', 'six', '--apps', last!, '--full')).toContain(most)
    const ship = await ann.tow(['ship', '--space', 'six', '--own-databases', '-a', last!], { cwd: fleet })
    expect(ship).toMatchObject({ exit: 1, stderr: expect.stringContaining(most) })
    expect((await ann.ask<Space[]>(['spaces'])).map(({ name }) => name)).toEqual(['five'])
    // The same again asks for none.
    await tow('spaces', 'add', 'five', '--apps', five.join(','), '--own-databases')
    // Without one of its own it may be there.
    await tow('spaces', 'add', 'five', '--apps', last!)
    await tow('spaces', 'remove', 'five', five[0]!, last!)
    await expect
      .poll(async () => (await ann.ask<Space>(['spaces', 'show', 'five'])).apps.length, { timeout: 30_000 })
      .toBe(4)
    await tow('spaces', 'add', 'five', '--apps', last!, '--own-databases')
    await tow('spaces', 'remove', 'five')
    await gone('five')
  })
})

describe('a database of a space that is filled from a dump', { timeout: 120_000 }, () => {
  let company: DebianPostgres
  let file: string

  beforeAll(async () => {
    if (withoutDebianPostgres) return
    file = join(ann.folder, 'demo.dump')
    company = await startDebianPostgres('127.0.0.1')
    await tell(company.superuser, 'create database boats owner towpath')
    const url = company.url.replace(/postgres$/, 'boats')
    await tell(url, "create table boats (name text); insert into boats values ('kept'), ('too')")
    await execute('pg_dump', ['-Fc', `--file=${file}`, url])
  }, 60_000)
  afterAll(() => company?.stop(), 60_000)

  test('begins with what is in it, and its release command comes after', async ({ skip }) => {
    skip(withoutDebianPostgres !== null, withoutDebianPostgres ?? '')
    await tow('dumps', 'add', 'demo', 'shop', '--file', file)
    expect(await ann.ask<Dump[]>(['dumps'])).toMatchObject([{ name: 'demo', app: 'shop', state: 'ready' }])
    const { stderr } = await tow('spaces', 'add', 'full', '--apps', 'shop', '--from-dump', 'demo')
    expect(stderr).toContain('shop has a database of its own, from demo')
    expect(await boats('--space', 'full')).toEqual(['kept', 'too', 'full'])
    expect(await refused('spaces', 'add', 'full', '--apps', 'shop', '--from-dump', 'demo')).toContain(
      'has a database already',
    )
    await tow('dumps', 'remove', 'demo')
    expect(await boats('--space', 'full')).toEqual(['kept', 'too', 'full'])
    await tow('spaces', 'remove', 'full')
    await gone('full')
    expect(await onTheServer()).toEqual(['shop_stage'])
  })

  test('is refused in a sentence where the dump can’t be brought back, and nothing of it stays', async ({
    skip,
  }) => {
    skip(withoutDebianPostgres !== null, withoutDebianPostgres ?? '')
    const noDump = join(ann.folder, 'no.dump')
    await writeFile(noDump, 'create table boats (name text);')
    expect(await refused('dumps', 'add', 'no', 'shop', '--file', noDump)).toContain(
      'no dump in PostgreSQL’s custom format',
    )
    const cut = join(ann.folder, 'cut.dump')
    await writeFile(cut, (await readFile(file)).subarray(0, -200))
    await tow('dumps', 'add', 'cut', 'shop', '--file', cut)
    expect(await refused('spaces', 'add', 'full', '--apps', 'shop', '--from-dump', 'cut')).toMatch(
      /pg_restore \d+ could not bring cut back/,
    )
    await tow('spaces', 'remove', 'full')
    await gone('full')
    expect(await onTheServer()).toEqual(['shop_stage'])
    await tow('dumps', 'remove', 'cut')
    expect((await readdir(join(ann.home, 'dumps'))).filter((name) => name.endsWith('.partial'))).toEqual([])
  })

  test('is taken from an environment’s database where pg_dump is new enough, else refused with the mend', async () => {
    const ended = await ann.tow(['dumps', 'add', 'taken', 'shop', '-e', 'stage'], { cwd: folder })
    if (ended.exit === 0) {
      await tow('spaces', 'add', 'full', '--apps', 'shop', '--from-dump', 'taken')
      expect(await boats('--space', 'full')).toEqual(['stage', 'full'])
    } else expect(ended.stderr).toMatch(/pg_dump.*PostgreSQL of stage is \d+.*tow dumps add … --file/s)
  })
})
