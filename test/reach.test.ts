/** From a laptop to a port of an app, through the platform: `tow forward` and `tow dev --debug`. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { askDebugger, type DevSession, enter, startDev, startTow, untilServed } from './dev-session.ts'
import { newPerson, type Person } from './tow.ts'

let ann: Person
let folder: string

const write = (path: string, text: string) => writeFile(join(folder, path), text)
const text = (value: string) => write('text.js', `export const text = '${value}'\n`)
const platformFile = async () => JSON.parse(await readFile(join(ann.home, 'platform.json'), 'utf8'))

beforeAll(async () => {
  ann = await newPerson()
  folder = join(ann.folder, 'hello')
  await mkdir(folder)
  await write('package.json', JSON.stringify({ name: 'hello', type: 'module' }))
  await write(
    'tow.yaml',
    `version: 1
apps:
  hello:
    needs: [postgres]
    processes:
      web: { command: node server.js }
      worker: { command: node worker.js }
`,
  )
  await text('one')
  await write(
    'server.js',
    `import { createServer } from 'node:http'
     import { text } from './text.js'
     globalThis.text = text
     createServer((_, response) => response.end(text)).listen(process.env.PORT)
     process.on('SIGTERM', () => process.exit(0))`,
  )
  await write(
    'worker.js',
    `import { createServer } from 'node:http'
     const server = createServer((_, response) => response.end('worker')).listen(0, '127.0.0.1', () => {
       console.log('worker at', server.address().port)
     })`,
  )
  expect(await ann.tow(['ship'], { cwd: folder })).toMatchObject({ exit: 0 })
}, 120_000)

afterAll(async () => {
  await ann?.leave()
}, 120_000)

async function forward(...args: string[]): Promise<DevSession & { address: string }> {
  const session = await startTow(ann, folder, ['forward', '--json', ...args])
  onTestFinished(() => void session.interrupt())
  return { ...session, address: session.told.find(({ type }) => type === 'ready')!.address! }
}

const hear = (address: string) =>
  fetch(`http://${address}/`, { headers: { connection: 'close' } }).then(
    (response) => response.text(),
    (error) => String(error.cause ?? error),
  )

describe('tow forward', { timeout: 120_000 }, () => {
  test('leads to where web listens, through a restart and through a platform that is killed', async () => {
    const session = await forward('hello')
    expect(await hear(session.address)).toBe('one')
    expect(await ann.tow(['restart', '-a', 'hello'], { cwd: folder })).toMatchObject({ exit: 0 })
    await expect.poll(() => hear(session.address), { timeout: 30_000 }).toBe('one')
    process.kill((await platformFile()).pid, 'SIGKILL')
    const waiting = hear(session.address)
    expect(await ann.tow(['up'], { cwd: folder })).toMatchObject({ exit: 0 })
    expect(await waiting).toBe('one')
    expect(await session.interrupt()).toBe(130)
    const { stdout } = await ann.tow(['events', '-a', 'hello', '--json'])
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; message: string })
    const reached = events.filter(({ kind }) => kind === 'process.forwarded')
    expect(reached.map(({ message }) => message)).toEqual([
      expect.stringMatching(/reached the port of web of hello in stage$/),
      expect.stringMatching(/reached the port of web of hello in stage$/),
    ])
  })

  test('leads to any port that another process listens on, and to nobody else’s', async () => {
    const logs = async () => (await ann.tow(['logs', '-a', 'hello', '-p', 'worker'], { cwd: folder })).stdout
    await expect.poll(logs, { timeout: 20_000 }).toMatch(/worker at \d+/)
    const [, port] = [...(await logs()).matchAll(/worker at (\d+)/g)].at(-1)!
    // Its own port is taken on this machine, by itself: another one leads there.
    const session = await forward(`hello:${port}`, '-p', 'worker')
    expect(await hear(session.address)).toBe('worker')
    const stranger = createServer((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nstranger'))
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void stranger.close())
    const { port: strange } = stranger.address() as { port: number }
    const other = await forward(`hello:${strange}`)
    const refused = hear(other.address)
    await delay(500)
    await other.interrupt()
    expect(await refused).not.toContain('stranger')
  })

  test('leads to the database, for whoever may open it', async () => {
    const session = await forward('hello:postgres')
    const { stdout } = await ann.tow(['psql', '--url', 'hello'], { cwd: folder })
    const url = new URL(stdout.trim())
    url.host = session.address
    const database = new Client({ connectionString: url.href })
    await database.connect()
    expect((await database.query('select current_database() as name')).rows).toEqual([
      { name: 'hello_stage' },
    ])
    await database.end()
  })

  test.each([
    [['hello', '-p', 'nothing'], 'no nothing of hello runs in stage', 1],
    [['hello:http'], 'http is no port', 2],
    [['hello', '--space', 'nowhere'], 'there is no space "nowhere"', 1],
  ])('%j is refused in a sentence', async (args, sentence, exit) => {
    const ended = await ann.tow(['forward', ...args], { cwd: folder })
    expect(ended.stderr).toContain(sentence)
    expect(ended.exit).toBe(exit)
  })

  test('says which port of this machine is taken', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void taken.close())
    const { port } = taken.address() as { port: number }
    const { exit, stderr } = await ann.tow(['forward', 'hello', '--local', String(port)], { cwd: folder })
    expect({ exit, stderr }).toEqual({ exit: 1, stderr: expect.stringContaining(`port ${port} already`) })
  })
})

describe('tow dev --debug', { timeout: 120_000 }, () => {
  test('has an address where a debugger attaches, the same after every save', async () => {
    const dev = await startDev(ann, folder, ['--space', 'mine', '--debug'])
    onTestFinished(async () => void (await dev.interrupt()))
    await expect.poll(() => dev.told.some(({ type }) => type === 'debug')).toBe(true)
    const told = dev.told.filter(({ type }) => type === 'debug')
    expect(told).toMatchObject([{ app: 'hello', process: 'web' }])
    const { address, attach } = told[0]!
    const port = Number(address!.split(':')[1])
    expect(attach).toMatchObject({ type: 'node', request: 'attach', port, restart: true, localRoot: folder })
    // Breakpoints are found where files are named as the editor is told.
    const file = `file://${attach!.remoteRoot}/server.js`
    expect(await askDebugger(address!, 'text')).toEqual({ file, value: 'one' })
    const visit = await enter(dev.told.find(({ type }) => type === 'ready')!.links![0]!.url)
    await text('two')
    await untilServed(visit, 'two')
    expect(await askDebugger(address!, 'text')).toEqual({ file, value: 'two' })
  })
})
