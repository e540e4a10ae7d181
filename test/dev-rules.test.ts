/** What a repository says about its development: `.env` beside an app, and `dev` in tow.yaml. */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ConfigEntry } from '../src/api/config.ts'
import { type DevSession, enter, startDev, untilServed, type Visit } from './dev-session.ts'
import { runGit } from './git-world.ts'
import { newPerson, type Person } from './tow.ts'

const SECRET = 'told-to-nobody-4711'
let ann: Person
let folder: string
let dev: DevSession
let visit: Visit

const write = (path: string, text: string) => writeFile(join(folder, path), text)
const declare = (more: string) =>
  write('tow.yaml', `version: 1\napps: { hello: { processes: { web: node server.js }${more} } }\n`)
const begun = () => dev.told.filter(({ text }) => text === 'begins').length

async function develop(): Promise<void> {
  dev = await startDev(ann, folder, ['--space', 'mine'])
  visit = await enter(dev.told.find(({ type }) => type === 'ready')!.links![0]!.url)
}

beforeAll(async () => {
  ann = await newPerson()
  folder = join(ann.folder, 'hello')
  await mkdir(join(folder, 'pages'), { recursive: true })
  await write('package.json', JSON.stringify({ name: 'hello', type: 'module' }))
  await declare('')
  await write('pages/home.txt', 'home')
  await write(
    'server.js',
    `import { existsSync, readFileSync } from 'node:fs'
     import { createServer } from 'node:http'
     console.log('begins')
     createServer((request, response) => {
       if (request.url.startsWith('/env')) return response.end([process.env.GREETING, process.env.TOKEN, existsSync('.env')].join())
       response.end(readFileSync('pages/home.txt', 'utf8'))
     }).listen(process.env.PORT)
     process.on('SIGTERM', () => process.exit(0))`,
  )
  await runGit(folder, ['init', '-q', '-b', 'main'])
  await runGit(folder, ['add', '-A'])
  await runGit(folder, ['commit', '-qm', 'Begin'])
  expect(await ann.tow(['ship'], { cwd: folder })).toMatchObject({ exit: 0 })
  expect(await ann.tow(['config', 'set', 'GREETING=hello', '-a', 'hello'])).toMatchObject({ exit: 0 })
}, 120_000)

afterAll(async () => {
  await dev?.interrupt()
  await ann?.leave()
}, 120_000)

describe('.env', { timeout: 120_000 }, () => {
  const entries = () => ann.ask<ConfigEntry[]>(['config', '-a', 'hello', '--space', 'mine'])
  const below = async () => {
    const apps = await ann.ask<{ environments: { urls: string[] }[] }[]>(['apps'])
    const url = apps[0]!.environments[0]!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
    return (await fetch(`${url}/env`)).text()
  }
  const served = async () => (await visit('/env')).text

  test('is config for the space alone, sealed, but for what only the platform knows', async () => {
    await write('.env', `GREETING=mine\nTOKEN=${SECRET}\nPORT=3000\n`)
    await develop()
    await expect.poll(served, { timeout: 20_000 }).toBe(`mine,${SECRET},false`)
    expect(await below()).toBe('hello,,false')
    expect(dev.told.find(({ type }) => type === 'env')).toMatchObject({
      ...{ app: 'hello', file: '.env', keys: ['GREETING', 'TOKEN'], given: ['PORT'], set: [] },
    })
    expect(await entries()).toMatchObject([
      { key: 'GREETING', source: 'file', secret: true, value: null },
      { key: 'TOKEN', source: 'file', secret: true, value: null },
    ])
  })

  test('takes effect whenever it changes, and what leaves it leaves the space', async () => {
    await write('.env', `TOKEN=${SECRET}2\n`)
    await expect.poll(served, { timeout: 30_000 }).toBe(`hello,${SECRET}2,false`)
    await rm(join(folder, '.env'))
    await expect.poll(served, { timeout: 30_000 }).toBe('hello,,false')
    expect(await entries()).toEqual([])
  })

  test('counts less than what somebody has set for the space', async () => {
    const set = ['config', 'set', 'GREETING=set', '-a', 'hello', '--space', 'mine']
    expect(await ann.tow(set)).toMatchObject({ exit: 0 })
    const told = dev.next(({ type }) => type === 'env')
    await write('.env', 'GREETING=mine\nTOKEN=three\n')
    expect(await told).toMatchObject({ keys: ['TOKEN'], set: ['GREETING'] })
    await expect.poll(served, { timeout: 30_000 }).toBe('set,three,false')
  })

  test('is nowhere in the clear: neither in what was told, nor in what the platform keeps', async () => {
    expect(JSON.stringify(dev.told)).not.toContain(SECRET)
    const { stdout } = await ann.tow(['events', '--json'])
    expect(stdout).not.toContain(SECRET)
    const found: string[] = []
    for (const name of await readdir(ann.home, { recursive: true, withFileTypes: true })) {
      if (!name.isFile()) continue
      const file = join(name.parentPath, name.name)
      if ((await readFile(file).catch(() => Buffer.alloc(0))).includes(SECRET)) found.push(file)
    }
    expect(found).toEqual([])
    expect(await dev.interrupt()).toBe(130)
    await rm(join(folder, '.env'))
  })
})

describe('dev in tow.yaml', { timeout: 120_000 }, () => {
  beforeEach(async () => {
    await dev.interrupt()
    await write('pages/home.txt', 'home')
  })

  test('restart: only what it names starts the process anew', async () => {
    await declare(', dev: { restart: ["*.js"] }')
    await develop()
    await untilServed(visit, 'home')
    const before = begun()
    await write('pages/home.txt', 'another')
    await untilServed(visit, 'another')
    expect(begun()).toBe(before)
    const live = dev.next(({ type }) => type === 'live')
    await write('server.js', `${await readFile(join(folder, 'server.js'), 'utf8')}\n`)
    await live
    await expect.poll(begun, { timeout: 20_000 }).toBe(before + 1)
  })

  test('restart: false leaves the process alone, until a change of tow.yaml says otherwise', async () => {
    await declare(', dev: { restart: false }')
    await develop()
    const before = begun()
    const live = dev.next(({ type }) => type === 'live')
    await write('server.js', `${await readFile(join(folder, 'server.js'), 'utf8')}\n`)
    await live
    expect(begun()).toBe(before)
    const built = dev.next(({ type }) => type === 'built')
    await declare('')
    expect(await built).toMatchObject({ paths: ['tow.yaml'] })
    const again = dev.next(({ type }) => type === 'live')
    const from = begun()
    await write('server.js', `${await readFile(join(folder, 'server.js'), 'utf8')}\n`)
    await again
    await expect.poll(begun, { timeout: 20_000 }).toBeGreaterThan(from)
  })

  test('sync: what it does not name is built, also where nothing else asks for it', async () => {
    await declare(', dev: { sync: [pages] }')
    await develop()
    const live = dev.next(({ type }) => type === 'live')
    await write('pages/home.txt', 'synced')
    expect(await live).toMatchObject({ files: 1 })
    await untilServed(visit, 'synced')
    const built = dev.next(({ type }) => type === 'built')
    await write('server.js', `${await readFile(join(folder, 'server.js'), 'utf8')}\n`)
    expect(await built).toMatchObject({ paths: ['server.js'] })
    await untilServed(visit, 'synced')
  })

  test('what it can’t mean is refused by line, and the app goes on', async () => {
    await declare('')
    await develop()
    const refused = dev.next(({ type }) => type === 'refused')
    await declare(', dev: { restart: often }')
    expect(await refused).toMatchObject({
      message: expect.stringContaining('restart is true, false, or a list'),
    })
    await untilServed(visit, 'home')
    const live = dev.next(({ type }) => type === 'live')
    await declare('')
    await write('pages/home.txt', 'mended')
    await live
    await untilServed(visit, 'mended')
  })
})
