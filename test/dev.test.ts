/** `tow dev` as a person uses it: a real repository, the real command, a real platform and real processes behind it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Space } from '../src/api/spaces.ts'
import { type DevSession, enter, startDev, untilLive, untilServed, type Visit } from './dev-session.ts'
import { runGit } from './git-world.ts'
import { newPerson, type Person } from './tow.ts'

const TOW = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))

let ann: Person
let folder: string
let dev: DevSession
let visit: Visit

const write = (path: string, text: string) => writeFile(join(folder, path), text)
const text = (value: string) => write('text.js', `export const text = '${value}'\n`)
const isLive = ({ type }: { type: string }) => type === 'live'

/** Asks all the time until then; answers with what was answered otherwise than it should be. */
async function askUntil(over: Promise<unknown>): Promise<unknown[]> {
  const failed: unknown[] = []
  let isOver = false
  const end = over.finally(() => {
    isOver = true
  })
  while (!isOver) {
    const answer = await visit().catch((error) => ({ status: 0, text: String(error) }))
    if (answer.status !== 200) failed.push(answer)
  }
  await end
  return failed
}

function listens(server: Server, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true))
  })
}

beforeAll(async () => {
  ann = await newPerson()
  folder = join(ann.folder, 'hello')
  await mkdir(folder)
  await write(
    'package.json',
    JSON.stringify({ name: 'hello', type: 'module', scripts: { start: 'node server.js' } }),
  )
  await text('one')
  await write(
    'server.js',
    `import { createServer } from 'node:http'
     import { text } from './text.js'
     createServer((_, response) => response.end(text)).listen(process.env.PORT)
     process.on('SIGTERM', () => process.exit(0))`,
  )
  await runGit(folder, ['init', '-q', '-b', 'main'])
  await runGit(folder, ['add', '-A'])
  await runGit(folder, ['commit', '-qm', 'Begin'])
  const { exit, stderr } = await ann.tow(['ship'], { cwd: folder })
  expect({ exit, stderr }).toMatchObject({ exit: 0 })
  dev = await startDev(ann, folder, ['--space', 'mine'])
  const [link] = dev.told.find(({ type }) => type === 'ready')!.links!
  visit = await enter(link!.url)
}, 120_000)

afterAll(async () => {
  await dev?.interrupt()
  await ann?.leave()
}, 120_000)

describe('tow dev', { timeout: 120_000 }, () => {
  test('serves the working copy in the space, and the environment as it was', async () => {
    await untilServed(visit, 'one')
    const live = dev.next(isLive)
    await text('two')
    expect(await live).toMatchObject({
      app: 'hello',
      files: 1,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    await untilServed(visit, 'two')
    const apps = await ann.ask<{ environments: { urls: string[] }[] }[]>(['apps'])
    const below = apps[0]!.environments[0]!.urls.find((url) => new URL(url).hostname === '127.0.0.1')!
    expect({ below, text: await (await fetch(below)).text() }).toEqual({ below, text: 'one' })
  })

  test('follows files that come, go and are renamed, and a checkout as one change', async () => {
    await runGit(folder, ['commit', '-qam', 'Two'])
    await runGit(folder, ['checkout', '-qb', 'other', 'main~1'])
    await untilServed(visit, 'one')
    const added = untilLive(dev, 40)
    await mkdir(join(folder, 'pages'))
    await Promise.all(Array.from({ length: 40 }, (_, at) => write(`pages/${at}.txt`, `page ${at}`)))
    await added
    const gone = untilLive(dev, 40)
    await rm(join(folder, 'pages'), { recursive: true })
    await gone
    await runGit(folder, ['checkout', '-q', 'main'])
    await untilServed(visit, 'two')
  })

  test('answers no request with an error while it starts anew', async () => {
    const saves = (async () => {
      for (const value of ['three', 'four', 'five']) {
        await text(value)
        await untilServed(visit, value)
      }
    })()
    expect(await askUntil(saves)).toEqual([])
  })

  test('says that the app ended, with what it wrote, answers 503, and the next save starts it again', async () => {
    const crashed = dev.next(({ type }) => type === 'crashed')
    const written = dev.next(
      (told) => told.type === 'log' && /does not provide an export/.test(told.text ?? ''),
    )
    await write('text.js', 'export const other = 1')
    expect(await crashed).toMatchObject({ app: 'hello', files: 1 })
    await written
    expect(await visit()).toMatchObject({ status: 503, text: expect.stringContaining('mine') })
    await text('six')
    await untilServed(visit, 'six')
  })

  test('builds anew what depends on a changed build input, says so, loses no request, and goes on', async () => {
    const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
    const before = await ann.ask<Space>(['spaces', 'show', 'mine'])
    const built = dev.next(({ type }) => type === 'built')
    const failed = askUntil(built)
    await write('package.json', JSON.stringify({ ...manifest, version: '2.0.0' }))
    await text('seven')
    await untilServed(visit, 'seven')
    expect(await built).toMatchObject({ app: 'hello', paths: ['package.json'] })
    expect(await failed).toEqual([])
    const after = await ann.ask<Space>(['spaces', 'show', 'mine'])
    expect(after.apps[0]!.revision).toBeGreaterThan(before.apps[0]!.revision)
    await text('eight')
    await untilServed(visit, 'eight')
  })

  test('goes on after a kill of the platform that comes back at another port, with what was saved meanwhile', async () => {
    const { pid, url } = JSON.parse(await readFile(join(ann.home, 'platform.json'), 'utf8'))
    process.kill(pid, 'SIGKILL')
    // Somebody else takes its port: it comes back at another.
    const stranger = createServer()
    onTestFinished(() => void stranger.close())
    await expect.poll(() => listens(stranger, Number(new URL(url).port)), { timeout: 10_000 }).toBe(true)
    await text('nine')
    expect(await ann.tow(['up'], { cwd: folder })).toMatchObject({ exit: 0 })
    await untilServed(visit, 'nine')
    await text('ten')
    await untilServed(visit, 'ten')
  })

  test('ends its copy with Ctrl-C; the space stays, and its link leads to the environment without a failed request', async () => {
    const ended = dev.interrupt()
    const failed = await askUntil(ended)
    expect({ exit: await ended, failed }).toEqual({ exit: 130, failed: [] })
    const space = await ann.ask<Space>(['spaces', 'show', 'mine'])
    expect(space.apps).toMatchObject([{ app: 'hello', state: 'stopped' }])
    await untilServed(visit, 'one')
  })

  test('--once makes it equal and leaves it running', async () => {
    await text('eleven')
    const { exit, stderr } = await ann.tow(['dev', '--once', '--space', 'mine'], { cwd: folder })
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    await untilServed(visit, 'eleven')
  })

  test('--once makes it equal without what nobody wants there', async () => {
    await write('tow.yaml', 'version: 1\napps: { hello: { dev: { ignore: ["*.md"] } } }\n')
    await write('notes.md', 'not for the workspace')
    const { exit, stderr } = await ann.tow(['dev', '--once', '--space', 'mine'], { cwd: folder })
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    const space = await ann.ask<Space>(['spaces', 'show', 'mine'])
    expect(space.apps[0]).toMatchObject({ state: 'live', live: true })
  })

  test('starts also where what is built does not run: the next save mends it', async () => {
    await write('text.js', 'export const other = 1')
    dev = await startDev(ann, folder, ['--space', 'mine'])
    await text('twelve')
    await untilServed(visit, 'twelve')
    expect(await dev.interrupt()).toBe(130)
  })

  test('what it writes into a file of the folder is no change of it', async () => {
    const log = join(folder, 'dev.log')
    const output = await open(log, 'w')
    const child = spawn(process.execPath, [TOW, 'dev', '--json', '--space', 'mine'], {
      cwd: folder,
      env: { ...process.env, CI: 'true', TOW_HOME: ann.home },
      stdio: ['ignore', output.fd, output.fd],
    })
    onTestFinished(async () => {
      const ended = once(child, 'exit')
      if (child.kill('SIGINT')) await ended
      await output.close()
    })
    const told = async (type: string) => (await readFile(log, 'utf8')).split(`"type":"${type}"`).length - 1
    await expect.poll(() => told('ready'), { timeout: 30_000 }).toBe(1)
    const before = await told('live')
    await text('thirteen')
    await untilServed(visit, 'thirteen')
    await expect.poll(() => told('live')).toBe(before + 1)
    // Each look at the folder would find the last one's line.
    await delay(1500)
    expect(await told('live')).toBe(before + 1)
    expect(await readFile(log, 'utf8')).toContain(
      'dev.log is left out: what this command says is written there',
    )
  })
})
