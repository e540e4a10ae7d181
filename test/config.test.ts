/** Config, from the command line to the process that reads it. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../src/api/apps.ts'
import { newPerson, type Person } from './tow.ts'

let ann: Person
let folder: string

beforeAll(async () => {
  ann = await newPerson()
  folder = join(ann.folder, 'echo')
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), '{"name":"echo","scripts":{"start":"node server.js"}}')
  await writeFile(
    join(folder, 'server.js'),
    `require('node:http').createServer((request, response) => {
  const { GREETING = 'none', API_KEY = 'none' } = process.env
  response.end(GREETING + ' ' + API_KEY)
}).listen(process.env.PORT)
process.on('SIGTERM', () => process.exit(0))
`,
  )
  expect(await ann.tow(['ship'], { cwd: folder })).toMatchObject({ exit: 0 })
}, 120_000)
afterAll(() => ann?.leave(), 120_000)

async function served(): Promise<string> {
  const [app] = await ann.ask<App[]>(['apps'])
  const url = app!.environments[0]!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
  return (await fetch(url)).text()
}

const tow = (...args: string[]) => ann.tow(args, { cwd: folder })

describe('config', { timeout: 60_000 }, () => {
  test('of several keys makes one release, and the process reads them', async () => {
    const { exit, stderr } = await tow('config', 'set', 'GREETING=hello', 'REGION=eu')
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    expect(stderr).toContain('v2')
    expect(await served()).toBe('hello none')
  })

  test('that is secret reaches the process and is shown nowhere', async () => {
    const set = await tow('config', 'set', '--secret', 'API_KEY=hush-hush-4711')
    expect(set).toMatchObject({ exit: 0 })
    expect(await served()).toBe('hello hush-hush-4711')
    const shown = await Promise.all([
      tow('config'),
      tow('releases', 'v3'),
      tow('events', '--json'),
      tow('logs'),
    ])
    const log = await readFile(join(ann.home, 'logs', 'platform.log'), 'utf8')
    expect(
      [set.stdout, set.stderr, log, ...shown.map(({ stdout, stderr }) => stdout + stderr)].join(),
    ).not.toContain('hush-hush-4711')
    expect((await tow('config', 'reveal', 'API_KEY')).stdout).toBe('hush-hush-4711\n')
  })

  test('that is set again to the same makes no release', async () => {
    expect((await tow('config', 'set', 'GREETING=hello')).stderr).toContain('Nothing changed')
  })

  test('that belongs to the platform is refused', async () => {
    const { exit, stderr } = await tow('config', 'set', 'PORT=80')
    expect(exit).toBe(1)
    expect(stderr).toContain('PORT')
  })

  test('comes back with a rollback, plain values as they were and secrets as they are', async () => {
    expect(await tow('config', 'set', 'GREETING=goodbye')).toMatchObject({ exit: 0 })
    expect(await served()).toBe('goodbye hush-hush-4711')
    const { exit, stderr } = await tow('rollback')
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    expect(await served()).toBe('hello hush-hush-4711')
  })
})
