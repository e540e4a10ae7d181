/** Spaces as a person uses them: the real command, a real platform, real processes behind a real router. */
import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../src/api/apps.ts'
import type { Space } from '../src/api/spaces.ts'
import { newPerson, type Person } from './tow.ts'

let ann: Person
let folder: string

const SERVER = (text: string) => `
import { createServer } from 'node:http'
const forwarded = (request) => (request.headers.baggage ? { baggage: request.headers.baggage } : {})
createServer(async (request, response) => {
  console.log('asked for ' + request.url)
  const inner = process.env.INNER_URL
    ? await (await fetch(process.env.INNER_URL, { headers: forwarded(request) })).text()
    : ''
  response.setHeader('content-type', 'text/html')
  response.end('${text}' + ' ' + process.env.TOW_RELEASE + ' ' + process.env.GREETING + (inner && ' > ' + inner))
}).listen(process.env.PORT)
`

async function write(app: string, text: string): Promise<void> {
  await mkdir(join(folder, app), { recursive: true })
  await writeFile(join(folder, app, 'package.json'), '{ "type": "module" }')
  await writeFile(join(folder, app, 'server.js'), SERVER(text))
}

beforeAll(async () => {
  ann = await newPerson()
  folder = join(ann.folder, 'shop')
  await mkdir(folder)
  await writeFile(
    join(folder, 'tow.yaml'),
    `version: 1
apps:
  outer: { path: outer, needs: [inner], processes: { web: { command: node server.js } } }
  inner: { path: inner, processes: { web: { command: node server.js }, worker: { command: sleep 3600 } } }
`,
  )
  await write('outer', 'outer')
  await write('inner', 'inner')
}, 60_000)
afterAll(() => ann?.leave(), 120_000)

async function tow(...args: string[]) {
  const ended = await ann.tow(args, { cwd: folder })
  expect(ended, ended.stderr).toMatchObject({ exit: 0 })
  return ended
}

/** What an address answers, as a script that sends the token of a link as a header. */
function page(address: string, { invited = true } = {}): Promise<{ status: number; text: string }> {
  const { hostname, port, searchParams } = new URL(address)
  const token = searchParams.get('tow-preview')
  const headers = { host: `${hostname}:${port}`, ...(token && invited && { 'tow-preview': token }) }
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/', headers, agent: false }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk) => (text += chunk))
      answer.on('end', () => resolve({ status: answer.statusCode!, text }))
    }).on('error', reject)
  })
}

const link = async (space: string, app: string) => {
  const { stdout } = await tow('spaces', 'show', space)
  return new RegExp(`http://${app}--${space}\\S+`).exec(stdout)![0]
}

async function urls(app: string): Promise<string> {
  const apps = await ann.ask<App[]>(['apps'])
  return apps
    .find(({ name }) => name === app)!
    .environments[0]!.urls.find((one) => one.includes('localhost'))!
}

describe('a space over an environment', { timeout: 120_000 }, () => {
  test('holds what was changed; the rest is the environment’s, which notices nothing', async () => {
    await tow('ship')
    await write('inner', 'changed')
    const { stdout, stderr } = await tow('ship', '--space', 'mine', '-a', 'inner')
    expect(stdout).toMatch(/^http:\/\/inner--mine\.stage\.localhost:\d+\/\?tow-preview=/)
    expect(stderr).toContain('worker is off: worker runs in stage already')
    expect(await page(await link('mine', 'outer'))).toMatchObject({
      status: 200,
      text: 'outer v1 undefined > changed mine.1 undefined',
    })
    expect((await page(await urls('outer'))).text).toBe('outer v1 undefined > inner v1 undefined')
  })

  test('lets nobody in who was not invited', async () => {
    expect(await page(await link('mine', 'inner'), { invited: false })).toMatchObject({ status: 403 })
    const { stdout, stderr } = await tow('spaces', 'invite', 'mine', '--for', 'qa')
    const invited = /http:\/\/inner--mine\S+/.exec(stdout)![0]
    expect(await page(invited)).toMatchObject({ status: 200 })
    await tow('spaces', 'uninvite', 'mine', /uninvite mine (\S+)/.exec(stderr)![1]!)
    await until(
      () => page(invited),
      ({ status }) => status === 403,
    )
    expect(await page(await link('mine', 'inner'))).toMatchObject({ status: 200 })
  })

  test('has config of its own, and the environment’s', async () => {
    await tow('config', 'set', 'GREETING=hello', '-a', 'inner')
    await tow('config', 'set', 'GREETING=hi', '-a', 'inner', '--space', 'mine')
    const own = await link('mine', 'inner')
    await until(
      () => page(own),
      ({ text }) => text.endsWith(' hi'),
    )
    expect((await page(await urls('inner'))).text).toMatch(/^inner v2 hello/)
    expect((await tow('spaces', 'plan', 'mine')).stdout).toMatch(/config +GREETING +hello +→ +hi/)
  })

  test('is looked into like an environment', async () => {
    const logs = await ann.ask<{ release: number }>([
      'logs',
      '-a',
      'inner',
      '--space',
      'mine',
      '-n',
      '1',
      '-p',
      'web',
    ])
    expect(logs).toMatchObject({ environment: 'stage' })
    expect((await tow('ps', '-a', 'inner', '--space', 'mine')).stdout).toMatch(
      /web\.1-\w+ +mine\.\d+ +healthy/,
    )
    const { stdout } = await tow(
      'run',
      '-a',
      'inner',
      '--space',
      'mine',
      'sleep 1; echo $TOW_SPACE $TOW_RELEASE',
    )
    expect(stdout).toMatch(/^mine mine\.\d+/)
  })

  test('takes all traffic for a while, and gives it back', async () => {
    await tow('spaces', 'swap', 'inner', '--space', 'mine', '--for', '1h')
    const below = await urls('outer')
    await until(
      () => page(below),
      ({ text }) => text.includes('> changed mine'),
    )
    expect((await tow('spaces')).stdout).toContain('has all traffic')
    await tow('spaces', 'unswap', 'inner')
    await until(
      () => page(below),
      ({ text }) => text.includes('> inner v2'),
    )
  })

  test('is stopped and started; meanwhile its calls are the environment’s', async () => {
    await tow('ship', '--space', 'mine', '-a', 'outer')
    const outer = await link('mine', 'outer')
    await tow('spaces', 'stop', 'mine', 'inner')
    await until(
      () => page(outer),
      ({ text }) => text.includes('> inner v2'),
    )
    await tow('spaces', 'start', 'mine', 'inner')
    await until(
      () => page(outer),
      ({ text }) => text.includes('> changed mine'),
    )
  })

  test('leaves nothing behind when it is removed', async () => {
    expect(processesIn('mine').length).toBeGreaterThan(0)
    const outer = await link('mine', 'outer')
    await tow('spaces', 'remove', 'mine')
    await until(
      () => ann.ask<Space[]>(['spaces']),
      (all) => all.length === 0,
    )
    await until(
      async () => processesIn('mine'),
      (pids) => pids.length === 0,
    )
    await until(
      async () => filesNamed('mine', ann.home),
      (files) => files.length === 0,
    )
    expect((await page(outer)).status).toBe(404)
    expect((await page(await urls('outer'))).text).toBe('outer v1 undefined > inner v2 hello')
  })
})

async function until<T>(look: () => Promise<T>, holds: (seen: T) => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; ; ) {
    const seen = await look()
    if (holds(seen)) return
    if (Date.now() > end) throw new Error(`it never came to that: ${JSON.stringify(seen)}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Files and folders that carry the name of a space, as far as what the platform keeps of apps goes. */
function filesNamed(space: string, home: string): string[] {
  const names = readdirSync(home, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.split(/[/.]/).some((part) => part.split('--').includes(space)))
}

/** Of all processes of this machine, those that were told that they run in a space. */
function processesIn(space: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`TOW_SPACE=${space}`)
      } catch {
        return false
      }
    })
}
