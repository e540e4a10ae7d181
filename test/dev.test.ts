/** `tow dev` as a person uses it: the real command beside an editor, a real platform, real processes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Space } from '../src/api/spaces.ts'
import { newPerson, type Person } from './tow.ts'

const MAIN = new URL('../src/cli/main.ts', import.meta.url).pathname
const SERVER = `
import { createServer } from 'node:http'
import { text } from './text.js'
createServer((request, response) => response.end(text)).listen(process.env.PORT, () => console.log('serves ' + text))
`
const text = (value: string) => `export const text = '${value}'\n`

let ann: Person
let folder: string
const running: Dev[] = []

beforeAll(async () => {
  ann = await newPerson()
  folder = join(ann.folder, 'hello')
  await mkdir(folder)
  await writeFile(
    join(folder, 'package.json'),
    '{ "type": "module", "scripts": { "start": "node server.js" } }',
  )
  await writeFile(join(folder, 'server.js'), SERVER)
  await writeFile(join(folder, 'text.js'), text('one'))
}, 60_000)
afterAll(async () => {
  for (const dev of running) dev.process.kill('SIGKILL')
  await ann?.leave()
}, 120_000)

interface Dev {
  process: ChildProcess
  /** All that it has said. */
  said(): string
  news(type: string): Record<string, unknown>[]
  until(what: string, holds: () => unknown): Promise<void>
  end(): Promise<number | null>
}

function dev(...args: string[]): Dev {
  const child = spawn(process.execPath, [MAIN, 'dev', '--json', ...args], {
    cwd: folder,
    env: { ...process.env, CI: 'true', TOW_HOME: ann.home },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (data) => (output += data))
  child.stderr.on('data', (data) => (errors += data))
  const ended = new Promise<number | null>((resolve) => child.on('exit', (code) => resolve(code)))
  const made: Dev = {
    process: child,
    said: () => output + errors,
    news: (type) =>
      output
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter((one) => one.type === type),
    async until(what, holds) {
      for (
        const end = Date.now() + 25_000;
        !holds();
        await new Promise((resolve) => setTimeout(resolve, 20))
      ) {
        if (Date.now() > end) throw new Error(`never saw ${what}: ${made.said()}`)
      }
    },
    async end() {
      child.kill('SIGINT')
      return ended
    },
  }
  running.push(made)
  return made
}

async function untilListening(server: Server, port: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    const failure = await new Promise<Error | null>((resolve) => {
      server.once('error', resolve).listen(port, '127.0.0.1', () => resolve(null))
    })
    if (!failure) return
    if (tries > 100) throw failure
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** What the space's address answers, to its owner. */
async function page(): Promise<string> {
  const { stdout } = await ann.tow(['spaces', 'show', 'mine'], { cwd: folder })
  const link = new URL(/http:\S+tow-preview=\S+/.exec(stdout)![0])
  const headers = { host: link.host, 'tow-preview': link.searchParams.get('tow-preview')! }
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port: link.port, path: '/', headers, agent: false }, (answer) => {
      let body = ''
      answer.on('data', (data) => (body += data)).on('end', () => resolve(body))
    }).on('error', reject)
  })
}

test('every save is live in a space, a crash waits for the next save, and Ctrl-C leaves the space', async () => {
  const mine = dev('--space', 'mine')
  await mine.until('the space', () => mine.said().includes('Live in mine'))
  expect(await page()).toBe('one')

  await writeFile(join(folder, 'text.js'), text('two'))
  await mine.until('the second text live', () => mine.news('live').length >= 1)
  expect(await page()).toBe('two')
  const [live] = mine.news('live')
  expect(live).toMatchObject({ app: 'hello', files: 1 })

  await writeFile(join(folder, 'text.js'), 'export const text = broken.on.purpose')
  await mine.until('the crash', () => mine.news('crashed').length === 1)
  await mine.until('why', () =>
    mine.news('log').some((line) => String(line.text).includes('broken is not defined')),
  )
  await writeFile(join(folder, 'text.js'), text('three'))
  await mine.until('the third text live', () => mine.news('live').length >= 2)
  expect(await page()).toBe('three')

  expect(await mine.end()).toBe(130)
  const [space] = await ann.ask<Space[]>(['spaces'])
  expect(space).toMatchObject({ name: 'mine', apps: [{ app: 'hello', state: 'stopped' }] })
}, 90_000)

test('a file that decides about the build is built anew, and a platform that dies meanwhile is waited for', async () => {
  const mine = dev('--space', 'mine')
  await mine.until('the space', () => mine.said().includes('Live in mine'))
  await writeFile(join(folder, 'other.js'), SERVER.replace('end(text)', 'end("other " + text)'))
  await writeFile(
    join(folder, 'package.json'),
    '{ "type": "module", "scripts": { "start": "node other.js" } }',
  )
  await mine.until('another delivery', () => mine.said().split('Live in mine').length > 2)
  expect(await page()).toBe('other three')

  const { pid, url } = JSON.parse(await readFile(join(ann.home, 'platform.json'), 'utf8')) as {
    pid: number
    url: string
  }
  process.kill(pid, 'SIGKILL')
  // Somebody else takes its port: it comes back at another.
  const stranger = createServer()
  await untilListening(stranger, Number(new URL(url).port))
  await writeFile(join(folder, 'text.js'), text('four'))
  const before = mine.news('live').length
  expect(await ann.tow(['up'])).toMatchObject({ exit: 0 })
  await mine.until('the fourth text live', () => mine.news('live').length > before)
  expect(await page()).toBe('other four')
  stranger.close()
  await mine.end()
}, 120_000)

test('once is enough for a script, and files that nobody wants there stay away', async () => {
  await writeFile(join(folder, 'tow.yaml'), 'version: 1\napps: { hello: { dev: { ignore: ["*.md"] } } }\n')
  await writeFile(join(folder, 'notes.md'), 'not for the workspace')
  const { exit, stderr } = await ann.tow(['dev', '--once', '--space', 'mine'], { cwd: folder })
  expect(exit, stderr).toBe(0)
  const [space] = await ann.ask<Space[]>(['spaces'])
  expect(space!.apps[0]).toMatchObject({ state: 'live', live: true })
  await rm(join(folder, 'tow.yaml'))
}, 90_000)
