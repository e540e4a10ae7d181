/**
 * kill -9 of a real PostgreSQL under a whole platform while each operation of the contract is asked for: who asked is
 * told that the database is away, never that the platform erred; nothing that was acknowledged is lost.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { contract } from '../../src/api/contract.ts'
import type { TowError } from '../../src/api/errors.ts'
import { openDatabase } from '../../src/platform/kernel/database.ts'
import { operationsOf } from '../../src/platform/kernel/http/table.ts'
import { type Postgres, startPostgres } from '../../src/platform/kernel/postgres/postgres.ts'
import { type Operation, requestOf } from '../access/request.ts'
import type { Thing } from '../access/samples.ts'
import { makeThings } from '../access/things.ts'
import { createRandom } from '../random.ts'
import { SEED } from '../seed.ts'
import { openWholePlatform, type WholePlatform } from '../whole-platform.ts'

const random = createRandom(SEED)
/** Ends the platform, and waits for whoever asks. */
const LEFT_OUT = ['system.stop']
const OPERATIONS = operationsOf(contract).filter(({ name }) => !LEFT_OUT.includes(name))
/** An operation is over by then, where nothing disturbs it. */
const LATEST_KILL_MS = 12
const KILLS = 15
/** Far more than any recovery here takes; whoever waits longer waits for ever. */
const BACK_WITHIN_MS = 60_000

let home: string
let postgres: Postgres
let platform: WholePlatform
let thing: Thing
/** By whoever looks after the server. */
const said: string[] = []

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'tow-db-'))
  postgres = await startPostgres({
    folder: join(home, 'postgres'),
    name: 'the killed one',
    onLog: (line) => said.push(line),
  })
  const database = openDatabase({ connection: postgres.connection })
  platform = await openWholePlatform({
    database: { database, db: database.db, close: () => database.close() },
  })
  const thingsOf = await makeThings(platform)
  thing = thingsOf({ app: 'app', environment: 'environment' }).find(
    ({ isAbsent, app }) => !isAbsent && app === 'free-app',
  )!
}, 120_000)
afterAll(async () => {
  await platform?.close()
  await postgres?.stop()
  await rm(home, { recursive: true, force: true })
}, 60_000)

interface Told {
  status: number
  code: string | null
  text: string
}

async function ask(method: string, path: string, input: object): Promise<Told> {
  const response = await fetch(platform.url + path, {
    method,
    headers: {
      authorization: `Bearer ${platform.token}`,
      ...(method !== 'GET' && { 'content-type': 'application/json' }),
    },
    ...(method !== 'GET' && { body: JSON.stringify(input) }),
  })
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream')
  if (isStream) return told(response.status, await firstFailure(response))
  return told(response.status, await response.text())
}

function told(status: number, text: string): Told {
  return { status, code: /"code":"([A-Z_]+)"/.exec(text)?.[1] ?? null, text: text.slice(0, 300) }
}

/** What a stream says until it fails, ends, or has nothing to say for a while. */
async function firstFailure({ body }: Response): Promise<string> {
  const reader = body!.getReader()
  let text = ''
  for (const end = Date.now() + 300; Date.now() < end && !text.includes('event: error'); ) {
    const piece = await Promise.race([reader.read(), sleep(100, null)])
    if (piece?.done) break
    if (piece) text += Buffer.from(piece.value).toString()
  }
  void reader.cancel().catch(() => {})
  return text
}

/** The server as a whole, one of those that work for it, or in a hurry but in order. */
async function killDatabase(): Promise<void> {
  const pid = postgres.pid()
  const [how, victim] = random.pick([
    ['SIGKILL', pid],
    ['SIGQUIT', pid],
    ['SIGINT', pid],
    ['SIGKILL', await oneBackend(pid)],
  ] as const)
  try {
    process.kill(victim, how)
  } catch {}
}

/** It answers a moment before whoever looks after it knows its new number. */
async function killServer(): Promise<void> {
  for (;;) {
    try {
      process.kill(postgres.pid(), 'SIGKILL')
      return
    } catch {
      await sleep(20)
    }
  }
}

async function oneBackend(postmaster: number): Promise<number> {
  const children = await readFile(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').catch(() => '')
  const backends = children.split(' ').filter(Boolean).map(Number)
  return backends.length > 0 ? random.pick(backends) : postmaster
}

async function back(): Promise<void> {
  for (const end = Date.now() + BACK_WITHIN_MS; ; await sleep(20)) {
    const { status, text } = await ask('GET', '/api/apps', {})
    if (status === 200) return
    if (Date.now() > end)
      throw new Error(`the database did not come back: ${status} ${text}\n${said.join('\n')}`)
  }
}

/** One of the server's own processes may die a moment before all others are told to. */
async function askAgainWhileAway<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch (error) {
      if ((error as TowError).code !== 'UNAVAILABLE') throw error
      await back()
    }
  }
}

/** Why the platform thinks that it erred itself. */
const reasons = () =>
  platform.logged
    .filter(({ message }) => /^an? (?:operation|request) failed$/.test(message))
    .map(({ error }) => error)
    .join('\n')

const isOurFault = ({ status, code }: Told) => code === 'INTERNAL' || status === 500

const ofOperation = async (operation: Operation) => {
  const { path, input } = requestOf(operation, thing)
  return ask(operation.method, path, input)
}

test('whoever asks while the database dies is told that it is away, whatever is asked', async () => {
  const wrong: string[] = []
  for (const operation of OPERATIONS) {
    const asked = ofOperation(operation)
    await sleep(random.next() * LATEST_KILL_MS)
    await killDatabase()
    const answer = await asked
    if (isOurFault(answer)) wrong.push(`${operation.name}: ${answer.status} ${answer.text}`)
    await back()
  }
  expect(wrong, reasons()).toEqual([])
}, 600_000)

test('whoever asks for whatever while the database is dead is told so', async () => {
  await killServer()
  const answers = await Promise.all(OPERATIONS.map(ofOperation))
  await back()
  const wrong = answers.flatMap((answer, at) =>
    isOurFault(answer) ? [`${OPERATIONS[at]!.name}: ${answer.status} ${answer.text}`] : [],
  )
  expect(wrong, reasons()).toEqual([])
  expect(answers.some(({ code }) => code === 'UNAVAILABLE')).toBe(true)
}, 120_000)

test('what was acknowledged while the database died again and again is there', async () => {
  const place = { app: 'free-app', environment: 'stage' }
  const path = `/api/apps/${place.app}/environments/${place.environment}/config`
  const acknowledged: string[] = []
  const wrong: string[] = []
  let kills = 0
  let isOver = false
  const killer = (async () => {
    for (; !isOver; kills += 1) {
      await sleep(random.below(300))
      await killDatabase()
      await back()
    }
  })()
  const people = Array.from({ length: 4 }, async (_, person) => {
    for (let turn = 0; kills < KILLS; turn += 1) {
      const label = `P${person}_${turn}`
      const answer = await ask('PATCH', path, { set: { [label]: { value: label, secret: false } } })
      if (answer.status === 200) acknowledged.push(label)
      else if (isOurFault(answer)) wrong.push(answer.text)
      // Fewer releases than anybody would wait for.
      await sleep(50)
    }
  })
  await Promise.all(people)
  isOver = true
  await killer
  const keys = await askAgainWhileAway(() => platform.client.config.list(place))
  const kept = new Set(keys.map(({ key }) => key))
  expect(wrong, reasons()).toEqual([])
  expect(acknowledged.length).toBeGreaterThan(10)
  expect(acknowledged.filter((label) => !kept.has(label))).toEqual([])
}, 300_000)
