/** A live system into one file, and from the file into an empty home, where it goes on. */
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../src/api/apps.ts'
import type { Manifest } from '../src/backups/file.ts'
import { newPerson, type Person } from './tow.ts'

const PASSPHRASE = 'a long walk along the canal'
const SECRET = 'hush-hush-4711'

let ann: Person
/** On another machine, so to say. */
let bob: Person
let app: string
let gate: string
let file: string
let manifest: Manifest

const tow = (person: Person, ...args: string[]) =>
  person.tow(args, { cwd: app, env: { TOW_BACKUP_PASSPHRASE: PASSPHRASE } })

async function place(person: Person) {
  const [found] = await person.ask<App[]>(['apps'])
  return found!.environments[0]!
}

async function served(person: Person): Promise<string> {
  const { urls } = await place(person)
  const url = urls.find((one) => new URL(one).hostname === '127.0.0.1')!
  return (await fetch(url)).text()
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 100))
}

async function query(person: Person, text: string): Promise<unknown[]> {
  const { stdout, stderr } = await tow(person, 'psql', '--url', 'hello')
  expect(stderr).toBe('')
  const client = new pg.Client({ connectionString: stdout.trim() })
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}

/** The third version waits for the gate before it answers. */
async function write(version: number): Promise<void> {
  await writeFile(
    join(app, 'server.js'),
    `const { existsSync } = require('node:fs')
const gate = ${JSON.stringify(version < 3 ? null : gate)}
const server = require('node:http').createServer((_, answer) =>
  answer.end('v${version} ' + process.env.API_KEY + ' ' + process.env.DATABASE_URL.startsWith('postgres://')))
const start = () => (gate && !existsSync(gate) ? setTimeout(start, 50) : server.listen(process.env.PORT))
start()
process.on('SIGTERM', () => process.exit(0))
`,
  )
}

beforeAll(async () => {
  ann = await newPerson()
  bob = await newPerson()
  app = join(ann.folder, 'hello')
  // As root, apps run as users of their own, and this one looks for the gate.
  await chmod(ann.folder, 0o755)
  gate = join(ann.folder, 'open')
  file = join(ann.folder, 'saved.tow')
  await mkdir(app)
  await writeFile(join(app, 'package.json'), '{"name":"hello","scripts":{"start":"node server.js"}}')
  await writeFile(
    join(app, 'tow.yaml'),
    'version: 1\napps:\n  hello:\n    needs: [postgres]\n    processes: { web: { command: node server.js, bootSeconds: 300 } }\n',
  )
  await write(1)
  expect(await tow(ann, 'ship')).toMatchObject({ exit: 0 })
  expect(await tow(ann, 'config', 'set', '--secret', `API_KEY=${SECRET}`)).toMatchObject({ exit: 0 })
  await query(ann, 'create table boats (name text primary key); insert into boats values ($$Ada$$)')
  await write(2)
  expect(await tow(ann, 'ship')).toMatchObject({ exit: 0 })
  expect(await served(ann)).toBe(`v2 ${SECRET} true`)
}, 180_000)
afterAll(async () => {
  await ann?.leave()
  await bob?.leave()
}, 120_000)

describe('a backup', { timeout: 180_000 }, () => {
  test('is taken from a platform that works on, with a rollout in the middle of its way', async () => {
    await write(3)
    const shipping = tow(ann, 'ship', '--detach')
    await until(async () => (await place(ann)).state === 'rolling-out')
    await shipping
    const before = query(ann, `insert into boats select 'boat ' || n from generate_series(1, 20000) n`)
    const { exit, stdout, stderr } = await tow(ann, 'backup', file, '--json')
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    await before
    manifest = JSON.parse(stdout)
    expect(manifest.parts.map(({ name }) => name).sort()).toEqual([
      ...['blobs', 'database', 'databases of apps', 'dumps', 'git', 'keys'],
    ])
    expect(await served(ann)).toBe(`v2 ${SECRET} true`)
    expect((await tow(ann, 'events')).stdout).toContain('took a backup of everything')
  })

  test('shows nothing to whoever has only the file, and is never overwritten', async () => {
    const bytes = await readFile(file)
    for (const word of [SECRET, 'boats', 'server.js', 'hello']) expect(bytes.includes(word)).toBe(false)
    const { exit, stderr } = await tow(ann, 'backup', file)
    expect(exit).toBe(1)
    expect(stderr).toContain(`${file} is there already`)
  })

  test('is verified without a platform, and refused with another passphrase', async () => {
    const nobody = await mkdtemp(join(tmpdir(), 'tow-n-'))
    const verify = (passphrase: string) =>
      ann.tow(['backup', 'verify', file, '--json'], {
        env: { TOW_HOME: nobody, TOW_BACKUP_PASSPHRASE: passphrase },
      })
    expect(JSON.parse((await verify(PASSPHRASE)).stdout).parts).toEqual(manifest.parts)
    const { exit, stderr } = await verify('something else entirely')
    expect(exit).toBe(1)
    expect(stderr).toContain(`the passphrase is not the one that ${file} was sealed with`)
    await rm(nobody, { recursive: true })
  })

  test('is not restored over a platform’s data', async () => {
    const { exit, stderr } = await tow(ann, 'restore', file)
    expect(exit).toBe(1)
    expect(stderr).toContain(`${ann.home} holds a platform’s data already`)
    expect(stderr).toContain('TOW_HOME=')
    expect(await served(ann)).toBe(`v2 ${SECRET} true`)
  })

  test('that was changed in one bit is refused in one sentence, and leaves the home empty', async () => {
    const copy = join(ann.folder, 'spoiled.tow')
    const bytes = await readFile(file)
    bytes[bytes.length - 100]! ^= 1
    await writeFile(copy, bytes)
    const { exit, stderr } = await tow(bob, 'restore', copy)
    expect(exit).toBe(1)
    expect(stderr).toMatch(/^✗ .* (changed or damaged|cut off or damaged).*\n +\S.*\n$/)
    expect((await readdir(bob.home)).filter((name) => name !== 'logs')).toEqual([])
  })

  test('that was being restored when everything was killed leaves no home that a platform would take', async () => {
    const restoring = tow(bob, 'restore', file)
    const mark = join(bob.home, 'restore-unfinished')
    await until(async () => existsSync(mark))
    process.kill(JSON.parse(await readFile(join(bob.home, 'lock'), 'utf8')).pid, 'SIGKILL')
    expect(await restoring).toMatchObject({ exit: 1, stderr: expect.stringContaining('begins anew') })
    const { exit, stderr } = await tow(bob, 'up')
    expect(exit).toBe(1)
    expect(stderr).toContain(`a restore into ${bob.home} was begun and not finished`)
    expect(stderr).toContain('tow restore')
  })

  test('is restored into an empty home, and everything goes on there', async () => {
    // Its machine is gone, and with it its ports.
    expect(await tow(ann, 'down')).toMatchObject({ exit: 0 })
    const { exit, stderr } = await tow(bob, 'restore', file)
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    expect(await tow(bob, 'up')).toMatchObject({ exit: 0 })
    await until(async () => (await served(bob).catch(() => '')).startsWith('v2'))
    expect(await served(bob)).toBe(`v2 ${SECRET} true`)
    expect((await tow(bob, 'config', 'reveal', 'API_KEY', '-a', 'hello')).stdout).toBe(`${SECRET}\n`)
    expect(await query(bob, `select count(*)::int as boats from boats where name = 'Ada'`)).toEqual([
      { boats: 1 },
    ])
    expect((await tow(bob, 'events')).stdout).toContain('Restored everything from the backup of')
  })

  test('brings a rollout back that was on its way, and it arrives', async () => {
    await writeFile(gate, '')
    await until(async () => (await served(bob)).startsWith('v3'))
    await until(async () => (await place(bob)).state === 'healthy')
    expect((await place(bob)).release).toBe(4)
  })

  test('brings earlier releases back, so that a rollback works', async () => {
    const { exit, stderr } = await tow(bob, 'rollback', '-a', 'hello')
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    expect(await served(bob)).toBe(`v2 ${SECRET} true`)
  })
})
