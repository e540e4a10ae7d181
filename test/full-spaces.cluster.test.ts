/** Full spaces on a real cluster, as a person uses them: namespaces made and prepared, databases of their own, removal. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { CheckResult } from '../src/api/environments.ts'
import type { Space } from '../src/api/spaces.ts'
import { collectionPath, type KubeObject, MEMBER_KINDS } from '../src/engines/kubernetes/cluster/kinds.ts'
import { openTestCluster, type TestCluster, withoutCluster } from '../src/engines/kubernetes/testing.ts'
import { bindCluster } from './bind-cluster.ts'
import {
  type DebianPostgres,
  startDebianPostgres,
  ask as tell,
  withoutDebianPostgres,
} from './debian-postgres.ts'
import { newPerson, type Person } from './tow.ts'

const execute = promisify(execFile)
const skipped = withoutCluster ?? withoutDebianPostgres
const { env } = process

/** Whose it is, what is in its database, and what the app says that it calls. */
const SERVER = `
import { createServer } from 'node:http'
const { DATABASE_URL } = process.env
const pool = DATABASE_URL && new (await import('pg')).default.Pool({ connectionString: DATABASE_URL, max: 2 })
if (pool) pool.on('error', () => {})
const boats = async () => (await pool.query('select name from boats order by name')).rows.map(({ name }) => name)
const inner = (headers) => fetch(process.env.INNER_URL, { headers }).then((answer) => answer.text(), String)
createServer(async (request, response) => {
  const headers = Object.fromEntries(PASSED.map((name) => [name, request.headers[name] ?? '']))
  const whole = {
    release: process.env.TOW_RELEASE,
    ...(pool ? { boats: await boats().catch(String) } : {}),
    ...(process.env.INNER_URL ? { inner: await inner(headers) } : {}),
  }
  response.end(JSON.stringify(whole))
}).listen(process.env.PORT)
process.on('SIGTERM', () => process.exit(0))
`
/** Adds a boat each time it runs. */
const RELEASE = `
import pg from 'pg'
const client = new pg.Client({ connectionString: process.env.DATABASE_URL })
await client.connect()
await client.query('create table if not exists boats (name text)')
await client.query('insert into boats values ($1)', [process.env.TOW_SPACE ?? process.env.TOW_ENVIRONMENT])
await client.end()
`
const APPS = { shop: ['traceparent', 'baggage'], loses: ['traceparent'], inner: [] }

let ann: Person
let cluster: TestCluster
let company: DebianPostgres
let folder: string

beforeEach(({ skip }) => skip(skipped !== null, skipped ?? ''))

beforeAll(async () => {
  if (skipped !== null) return
  ;[ann, cluster, company] = await Promise.all([
    newPerson(),
    openTestCluster(undefined, { spaces: true }),
    startDebianPostgres(env.TOW_TEST_HOST as string),
  ])
  folder = join(ann.folder, 'shop')
  for (const [app, passed] of Object.entries(APPS)) {
    const source = `const PASSED = ${JSON.stringify(passed)}\n${SERVER}`
    await mkdir(join(folder, app), { recursive: true })
    const dependencies = app === 'shop' ? { pg: '8.23.1' } : {}
    await writeFile(
      join(folder, app, 'package.json'),
      JSON.stringify({ name: app, type: 'module', dependencies }),
    )
    await writeFile(join(folder, app, 'server.js'), source)
    await writeFile(join(folder, app, 'release.js'), RELEASE)
  }
  const web = 'web: { command: node server.js }'
  await writeFile(
    join(folder, 'tow.yaml'),
    `version: 1
apps:
  shop: { path: shop, needs: [postgres, inner], processes: { ${web}, release: { command: node release.js } } }
  loses: { path: loses, needs: [inner], processes: { ${web} } }
  inner: { path: inner, processes: { ${web} } }
`,
  )
  expect(await ann.tow(['up'])).toMatchObject({ exit: 0 })
  await tow('env', 'add', 'live', '--before', 'stage', ...bindCluster(cluster), '--postgres', company.url)
  await tow('ship', '-e', 'live')
}, 480_000)

afterAll(async () => {
  await ann?.leave()
  await company?.stop()
  await cluster?.dispose()
}, 120_000)

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

/** Enters by a link of the space, or by the environment's own host. */
function page(url: string): Promise<Record<string, unknown>> {
  const { hostname, searchParams } = new URL(url)
  const headers = { host: hostname, 'tow-preview': searchParams.get('tow-preview') ?? '' }
  return new Promise((resolve, reject) => {
    get({ host: env.TOW_TEST_GATEWAY, path: '/', headers, agent: false }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk) => (text += chunk))
      answer.on('end', () => resolve(answer.statusCode === 200 ? JSON.parse(text) : { text }))
    }).on('error', reject)
  })
}
const own = (app: string) => page(`http://${app}.${cluster.namespace}.${env.TOW_TEST_DOMAIN}/`)

async function link(space: string, app: string): Promise<string> {
  const { stdout } = await tow('spaces', 'show', space)
  return new RegExp(`http://${app}--${space}\\S+`).exec(stdout)![0]
}

/** What the copy of shop answers, once the Gateway leads there: processes are healthy before. */
async function served(space: string) {
  const url = await link(space, 'shop')
  await expect.poll(() => page(url), { timeout: 30_000 }).toHaveProperty('release')
  return page(url)
}

async function gone(space: string): Promise<void> {
  await tow('spaces', 'remove', space)
  await expect
    .poll(async () => (await ann.ask<Space[]>(['spaces'])).map(({ name }) => name), { timeout: 120_000 })
    .not.toContain(space)
}

async function listed(path: string, labelSelector?: string): Promise<string[]> {
  const query = labelSelector === undefined ? {} : { labelSelector }
  const { items } = await cluster.admin.request<{ items: KubeObject[] }>('GET', path, { query })
  return items.map(({ metadata }) => metadata.name)
}
const namespaces = () => listed('/api/v1/namespaces', `towpath.dev/spaces-of=${cluster.namespace}`)

/** Everything of Towpath in a namespace that bears the name of the space. */
async function ofSpace(namespace: string, space: string): Promise<string[]> {
  const kinds = [...MEMBER_KINDS, 'Secret', 'Lease', 'Job', 'Pod'] as const
  const found = await Promise.all(
    kinds.map(async (kind) =>
      (await listed(collectionPath(kind, namespace))).map((name) => `${kind} ${name}`),
    ),
  )
  return found.flat().filter((one) => one.includes(`--${space}`))
}

async function databases(): Promise<string[]> {
  const { rows } = await tell(
    company.superuser,
    `select datname as name from pg_database where datname like 'shop%' union select rolname from pg_roles where rolname like 'shop%' order by 1`,
  )
  return rows.map(({ name }) => name)
}

async function doctor(name: string): Promise<CheckResult[]> {
  const { stdout } = await ann.tow(['doctor', '--json'], { cwd: folder })
  return (JSON.parse(stdout) as CheckResult[]).filter((one) => one.name.includes(name))
}

const shown = (space: string) => ann.ask<Space>(['spaces', 'show', space])
const placeOf = ({ place }: Space) => place!.replace('the namespace ', '')

describe('a space with databases of its own on a cluster', { timeout: 300_000 }, () => {
  test('lies in the environment’s namespace, and its database goes with it', async () => {
    const { stderr } = await tow('spaces', 'add', 'over', '--apps', 'shop', '--own-databases')
    expect(stderr).toContain('shop has a database of its own')
    expect(await shown('over')).toMatchObject({ full: false, place: null })
    expect(await served('over')).toMatchObject({ release: 'over.1', boats: ['over'] })
    expect(await own('shop')).toMatchObject({ release: 'v1', boats: ['live'] })
    expect(await databases()).toEqual(['shop_live', 'shop_live_over'])
    await gone('over')
    expect(await databases()).toEqual(['shop_live'])
    expect(await ofSpace(cluster.namespace, 'over')).toEqual([])
  })

  test('an app that loses the space is named by tow doctor, with the call and the mend', async () => {
    await tow('spaces', 'add', 'mine', '--apps', 'inner,loses,shop')
    const [keeps, loses] = [await link('mine', 'shop'), await link('mine', 'loses')]
    for (const url of [keeps, loses])
      await expect.poll(() => page(url), { timeout: 30_000 }).toHaveProperty('release')
    expect(await page(keeps)).toMatchObject({ inner: expect.stringContaining('mine.') })
    expect(await page(loses)).toMatchObject({
      ...{ release: expect.stringContaining('mine.'), inner: expect.stringContaining('"v1"') },
    })
    // Where the call reaches the other of the two routers, nobody can count it. An app keeps its connection to one of them,
    // and the Gateway takes them in turns: an odd number of pages, or the one that loses would come by the same one each time.
    const asked = async () => {
      for (const url of [keeps, loses, loses]) await page(url)
      return doctor('baggage of spaces')
    }
    const who = 'loses in mine over live, or an app between it and inner,'
    await expect.poll(asked, { timeout: 60_000, interval: 2000 }).toMatchObject([
      {
        ok: false,
        message: expect.stringMatching(
          new RegExp(`^${who} loses the space when it calls inner: (\\d+) of \\1 calls came without it`),
        ),
        mend: expect.stringContaining('OTEL_PROPAGATORS'),
      },
    ])
    await gone('mine')
  })
})

describe('a full space on a cluster', { timeout: 300_000 }, () => {
  test('gets a namespace that is made for it, with an empty database, and leaves nothing', async () => {
    expect(await doctor('full spaces')).toMatchObject([
      { ok: true, message: expect.stringContaining('that is made for it') },
    ])
    const { stderr } = await tow('spaces', 'add', 'full', '--apps', 'shop', '--full')
    const space = await shown('full')
    const namespace = placeOf(space)
    expect(namespace).toMatch(new RegExp(`^${cluster.namespace}--full-[0-9a-f]{6}$`))
    expect(stderr).toContain(`full is in the namespace ${namespace}`)
    expect(await namespaces()).toEqual([namespace])
    // Its own database, in which its release command ran, and the environment's app across namespaces.
    const inner = expect.stringContaining('"v1"')
    expect(await served('full')).toMatchObject({ release: 'full.1', boats: ['full'], inner })
    expect(await own('shop')).toMatchObject({ release: 'v1', boats: ['live'] })
    expect(await ofSpace(cluster.namespace, 'full')).toEqual([`Lease towpath---space-${namespace}`])
    expect((await tow('run', '-a', 'shop', '--space', 'full', 'echo $TOW_RELEASE')).stdout).toContain(
      'full.1',
    )
    await gone('full')
    expect(await namespaces()).toEqual([])
    expect(await ofSpace(cluster.namespace, 'full')).toEqual([])
    expect(await databases()).toEqual(['shop_live'])
  })

  test('begins with what is in a dump, and runs as often as is asked for', async () => {
    const file = join(ann.folder, 'demo.dump')
    await tell(company.superuser, 'create database boats owner towpath')
    const url = company.url.replace(/postgres$/, 'boats')
    await tell(url, "create table boats (name text); insert into boats values ('kept')")
    await execute('pg_dump', ['-Fc', `--file=${file}`, url])
    await tow('dumps', 'add', 'demo', 'shop', '--file', file)
    await tow('spaces', 'add', 'full', '--apps', 'shop', '--full', '--from-dump', 'demo')
    expect(await served('full')).toMatchObject({ boats: ['full', 'kept'] })
    expect((await tow('scale', 'web=2', '-a', 'shop', '--space', 'full')).stderr).toContain('web: 1 → 2')
    await expect
      .poll(async () => (await shown('full')).apps[0]!.processes.web, { timeout: 60_000 })
      .toEqual({ wanted: 2, healthy: 2 })
    const pods = await listed(collectionPath('Pod', placeOf(await shown('full'))), 'towpath.dev/kind=process')
    expect(pods).toHaveLength(2)
    await gone('full')
    expect(await namespaces()).toEqual([])
  })

  test('without that right takes one that was prepared, and is refused where none is free', async () => {
    const bound = `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/towpath-spaces-${cluster.namespace}`
    await cluster.admin.request('DELETE', bound)
    await expect
      .poll(() => doctor('full spaces'), { timeout: 30_000 })
      .toMatchObject([{ ok: true, message: expect.stringContaining('no full space can be had here') }])
    expect(await refused('spaces', 'add', 'full', '--apps', 'shop', '--full')).toMatch(
      /the space full can get no namespace of its own: none may be made here, and none was prepared[\s\S]*--set spacesOf=/,
    )
    expect((await ann.ask<Space[]>(['spaces'])).map(({ name }) => name)).not.toContain('full')
    const prepared = await cluster.prepare()
    const { stderr } = await tow('spaces', 'add', 'full', '--apps', 'shop', '--full')
    expect(stderr).toContain(`full is in the namespace ${prepared}`)
    const inner = expect.stringContaining('"v1"')
    expect(await served('full')).toMatchObject({ release: 'full.1', boats: ['full'], inner })
    expect(await own('shop')).toMatchObject({ release: 'v1', boats: ['live'] })
    expect(await refused('spaces', 'add', 'more', '--apps', 'shop', '--full')).toContain(
      `none is free (${prepared} is taken by full)`,
    )
    await gone('full')
    expect(await ofSpace(prepared, 'full')).toEqual([])
    expect(await databases()).toEqual(['shop_live'])
    expect(await doctor('full spaces')).toMatchObject([{ message: expect.stringContaining('1 is free') }])
  })
})
