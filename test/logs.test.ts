/** Logs as a person reads them while parts of the platform are killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LogLine } from '../src/api/logs.ts'
import { receiveOtlp } from '../src/platform/features/drains/testing.ts'
import { newPerson, type Person } from './tow.ts'

const MAIN = new URL('../src/cli/main.ts', import.meta.url).pathname
let ann: Person
let child: ChildProcess | null = null

beforeAll(async () => {
  ann = await newPerson()
  const folder = join(ann.folder, 'talker')
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), '{"name":"talker","scripts":{"start":"node server.js"}}')
  const server = `
    require('node:http').createServer((_, answer) => answer.end('ok')).listen(process.env.PORT)
    let n = 0
    setInterval(() => console.log('line ' + n++), 20)
    console.error('\\u001b[31mred\\u001b[0m')`
  await writeFile(join(folder, 'server.js'), server)
  expect(await ann.tow(['ship'], { cwd: folder })).toMatchObject({ exit: 0 })
}, 180_000)
afterAll(async () => {
  child?.kill()
  await ann?.leave()
}, 120_000)

const pidIn = async (file: string) => JSON.parse(await readFile(join(ann.home, file), 'utf8')).pid as number

test('tow logs -f tells every line once while platform and runner are killed and come back, and ids stay', async () => {
  const receiver = await receiveOtlp()
  await ann.ask(['drains', 'add', receiver.url])
  const seen: LogLine[] = []
  child = spawn(process.execPath, [MAIN, 'logs', '-a', 'talker', '-f', '-n', '100000', '--json'], {
    env: { ...process.env, CI: 'true', TOW_HOME: ann.home },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  createInterface({ input: child.stdout! }).on('line', (row) => seen.push(JSON.parse(row)))
  const more = async () => {
    for (const enough = seen.length + 40; seen.length < enough; ) {
      expect(child!.exitCode).toBeNull()
      await delay(20)
    }
  }
  await more()
  process.kill(await pidIn('platform.json'), 'SIGKILL')
  expect(await ann.tow(['up'])).toMatchObject({ exit: 0 })
  await more()
  process.kill(await pidIn('engine/run/runner.lock'), 'SIGKILL')
  await more()
  const ended = once(child, 'exit')
  const last = seen.at(-1)!.id
  child.kill('SIGINT')
  expect(await ended).toEqual([130, null])

  const own = seen.filter(({ stream }) => stream === 'stdout')
  expect(own.map(({ text }) => text)).toEqual(own.map((_, index) => `line ${index}`))
  expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length)
  for (const line of own) {
    expect(line).toMatchObject({ app: 'talker', environment: 'stage', release: 1, process: 'web' })
    expect(line.instance).toMatch(/^web\.1-[0-9a-f]+$/)
    expect(line.id.startsWith(String(Date.parse(line.at)))).toBe(true)
  }
  expect(seen.find(({ stream }) => stream === 'stderr')?.text).toBe('\u001b[31mred\u001b[0m')

  const read = async (...more: string[]) => {
    const { exit, stdout, stderr } = await ann.tow(['logs', '-a', 'talker', '--json', ...more])
    expect([exit, stderr]).toEqual([0, ''])
    return stdout
      .split('\n')
      .filter(Boolean)
      .map((row) => JSON.parse(row) as LogLine)
  }
  const again = new Map((await read('-n', '100000')).map((line) => [line.id, line]))
  expect(seen.filter((line) => JSON.stringify(again.get(line.id)) !== JSON.stringify(line))).toEqual([])

  // The drain sent the same lines meanwhile, at least once each, from some line on without a gap.
  for (
    const patience = Date.now() + 60_000;
    !receiver.received.some(({ id }) => id === last);
    await delay(50)
  )
    expect(Date.now()).toBeLessThan(patience)
  const sent = new Set(receiver.received.map(({ id }) => id))
  const first = [...again.keys()].findIndex((id) => sent.has(id))
  const from = [...again.keys()].slice(first)
  expect(first).toBeLessThan(seen.length)
  expect(from.slice(0, from.indexOf(last)).filter((id) => !sent.has(id))).toEqual([])
  expect(receiver.problems).toEqual([])
  expect(await ann.ask(['drains'])).toMatchObject([
    { state: 'sending', missing: 0, refused: 0, problem: null },
  ])
  await receiver.close()

  const until = own[30]!.at
  expect((await read('--until', until, '-n', '5', '-p', 'web', '-r', 'v1')).at(-1)!.at <= until).toBe(true)
  expect((await read('--since', '1h', '--grep', '/^line [12]?3$/')).map(({ text }) => text)).toEqual([
    'line 3',
    'line 13',
    'line 23',
  ])
  expect(await read('--until', '2020-01-01T00:00:00Z')).toEqual([])
  expect(await ann.tow(['logs', '-a', 'talker', '--grep', '/(/'])).toMatchObject({
    exit: 1,
    stderr: expect.stringContaining("can't be read"),
  })
}, 180_000)
