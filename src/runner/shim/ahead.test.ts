/** The next life of a command, begun before its turn, through the launcher and a shim as they are. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createLauncher, type LaunchOrder, type Running } from '../launcher.ts'
import { prepareAhead, prepareShim } from '../shim-files.ts'

let home: string
let running: Running[]

beforeEach(({ skip }) => {
  skip(process.platform !== 'linux', 'who waits is read from the processes that Linux shows')
  home = mkdtempSync(join(tmpdir(), 'tow-ahead-'))
  running = []
})
afterEach(async () => {
  for (const one of running) one.stop()
  await Promise.all(running.map(({ ended }) => ended))
  rmSync(home, { recursive: true, force: true })
})

/** Writes down who it is and what it was given, and does as much when it is asked to end. */
const APP = `
const { appendFileSync } = require('node:fs')
const { text } = require('./text.js')
const say = (line) => appendFileSync('said', line + '\\n')
say([text, process.pid, require.main === module, process.argv.length, String(process.env.NODE_OPTIONS), String(process.env.TOW_AHEAD)].join(' '))
process.on('SIGTERM', () => { say('ends ' + process.pid); process.exit(0) })
setInterval(() => {}, 1000)
`

async function start(
  changes: Partial<LaunchOrder> = {},
  aheadPath = prepareAhead(`${home}/a folder`),
): Promise<Running> {
  const launcher = createLauncher({
    processesFolder: `${home}/processes`,
    shimPath: prepareShim(home),
    aheadPath,
    limits: { version: 0, memory: 'watched', cpu: 'advisory' },
    now: Date.now,
  })
  write('first')
  writeFileSync(`${home}/app.js`, APP)
  const one = launcher.launch({
    record: {
      id: 'web.1-abc',
      target: { environment: 'stage', app: 'shop', space: 'mine' },
      set: 'a',
      release: 1,
      process: 'web',
      slot: 1,
      epoch: 1,
      port: null,
      key: null,
      graceSeconds: 5,
      attachSocket: null,
      memoryMegabytes: null,
      inPlace: true,
    },
    logFolder: null,
    logs: null,
    command: 'node app.js',
    cwd: home,
    env: { PATH: process.env.PATH! },
    uid: null,
    timeoutSeconds: null,
    tty: null,
    stdin: false,
    cpuMillis: undefined,
    ...changes,
  })
  running.push(one)
  await one.started
  return one
}

const write = (text: string) => writeFileSync(`${home}/text.js`, `exports.text = '${text}'`)
const said = () =>
  existsSync(`${home}/said`) ? readFileSync(`${home}/said`, 'utf8').split('\n').slice(0, -1) : []
const untilSaid = (word: string) => expect.poll(() => said().at(-1) ?? '').toMatch(new RegExp(`^${word} `))

/** Processes in that folder that wait for their turn. */
function waiting(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const begunAhead = readFileSync(`/proc/${pid}/environ`, 'utf8').includes('TOW_AHEAD=')
        return (
          begunAhead &&
          readlinkSync(`/proc/${pid}/cwd`) === home &&
          !said().some((line) => line.includes(` ${pid} `))
        )
      } catch {
        return false
      }
    })
}

async function oneWaits(): Promise<number> {
  await expect.poll(waiting).toHaveLength(1)
  return waiting()[0]!
}

test('the life that waits takes its turn, as the very command, and nothing of the app ran before', async () => {
  const one = await start()
  await untilSaid('first')
  for (const word of ['second', 'third']) {
    const next = await oneWaits()
    write(word)
    const before = one.state()!.app.pid
    await one.restart()
    await untilSaid(word)
    expect(said().slice(-2)).toEqual([`ends ${before}`, `${word} ${next} true 2 undefined undefined`])
    expect(one.state()).toMatchObject({ app: { pid: next } })
    expect(one.state()!.ended).toBeUndefined()
  }
})

test('one that was killed while it waited, or in its very turn, was no life of the app', async () => {
  const one = await start()
  await untilSaid('first')
  process.kill(await oneWaits(), 'SIGKILL')
  await expect.poll(waiting).toHaveLength(0)
  write('second')
  await one.restart()
  await untilSaid('second')
  const frozen = await oneWaits()
  process.kill(frozen, 'SIGSTOP')
  write('third')
  const before = one.state()!.app.pid
  await one.restart()
  await untilSaid('ends')
  expect(said().at(-1)).toBe(`ends ${before}`)
  process.kill(frozen, 'SIGKILL')
  await untilSaid('third')
  expect(said().at(-1)).not.toContain(` ${frozen} `)
  await oneWaits()
})

test('one that dies is no life of the app, also where its channel is seen to end before it does', async () => {
  const dies = `${home}/dies.cjs`
  writeFileSync(dies, `require('node:fs').closeSync(3); process.kill(process.pid, 'SIGSTOP')`)
  const one = await start({}, dies)
  await untilSaid('first')
  const dying = await oneWaits()
  await expect.poll(() => readFileSync(`/proc/${dying}/stat`, 'utf8')).toContain(') T ')
  write('second')
  await one.restart()
  await untilSaid('ends')
  process.kill(dying, 'SIGKILL')
  await untilSaid('second')
  expect(said().at(-1)).not.toContain(` ${dying} `)
})

test('a second change that comes before the first one has begun is not lost', async () => {
  const one = await start()
  await untilSaid('first')
  await oneWaits()
  write('second')
  const first = one.restart()
  write('third')
  await Promise.all([first, one.restart()])
  await untilSaid('third')
})

test('one that crashed in its turn is told of, and the next change starts it again', async () => {
  const one = await start()
  await untilSaid('first')
  await oneWaits()
  writeFileSync(`${home}/text.js`, 'process.exit(3)')
  await one.restart()
  await expect.poll(() => one.state()!.ended).toMatchObject({ code: 3 })
  write('mended')
  await one.restart()
  await untilSaid('mended')
})

test('whoever waits goes with its process, also where what leads both is killed', async () => {
  const one = await start()
  await untilSaid('first')
  await oneWaits()
  one.stop()
  await one.ended
  expect(waiting()).toEqual([])
  running = []
  rmSync(`${home}/said`)
  rmSync(`${home}/processes`, { recursive: true })
  const other = await start()
  await untilSaid('first')
  await oneWaits()
  process.kill(other.state()!.shim.pid, 'SIGKILL')
  expect(await other.ended).toMatchObject({ kind: 'orphaned' })
  await expect.poll(waiting).toEqual([])
})

test.each([
  ['a shell leads', { command: 'true; node app.js' }],
  ['has an option of Node', { command: 'node --no-warnings app.js' }],
  ['has options of its own', { env: { PATH: process.env.PATH!, NODE_OPTIONS: '--no-warnings' } }],
])('one that %s begins in its turn', async (_, changes) => {
  const one = await start(changes)
  await untilSaid('first')
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(waiting()).toEqual([])
  write('second')
  await one.restart()
  await untilSaid('second')
})
