import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { createModelEngine, type ModelEngine } from '../../../../test/model-engine.ts'
import { serveForTest, type TestServer } from '../../../../test/serve.ts'
import { TowError } from '../../../api/errors.ts'
import type { LogLine } from '../../../api/logs.ts'
import { systemClock } from '../../kernel/clock.ts'
import { configMigrations, createConfig } from '../config/index.ts'
import { createDrains, drainMigrations, type Source } from './index.ts'
import { openOtlp } from './otlp.ts'
import { openSyslog, syslogMessage } from './syslog.ts'
import { makeCertificate, receiveOtlp, receiveSyslog } from './testing.ts'

const signal = AbortSignal.timeout(60_000)
let opened: TestDatabase
let engine: ModelEngine
let home: string
let server: TestServer
let drains: ReturnType<typeof create>
const sources: Source[] = [{ app: 'missions' }]
const errors: unknown[] = []
/** Milliseconds that the drains' clock is ahead. */
let ahead = 0
const clock = { now: () => new Date(systemClock.now().getTime() + ahead) }

function create() {
  const config = createConfig({
    database: opened.database,
    clock: systemClock,
    keysFolder: join(home, 'keys'),
  } as unknown as Parameters<typeof createConfig>[0])
  return createDrains({
    database: opened.database,
    clock,
    vault: config.vault,
    async requireEnvironment(_db, name) {
      if (name !== 'stage') throw new TowError('NOT_FOUND', `there is no environment "${name}"`)
    },
    sourcesIn: async () => sources,
    engines: async () => engine,
    onError: (error) => errors.push(error),
    pauses: { first: 20, longest: 100 },
  })
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'tow-drains-'))
  opened = await openTestDatabase([...configMigrations, ...drainMigrations])
  engine = createModelEngine()
  drains = create()
  await drains.start()
  server = await serveForTest({ database: opened.database, routes: drains.routes })
})
afterAll(async () => {
  await server?.close()
  await drains?.stop()
  await opened?.close()
  rmSync(home, { recursive: true, force: true })
})

let sequence = 0
function line(text: string, more: Partial<LogLine> = {}): LogLine {
  const at = Date.now()
  const id = `${at}-web.1-7f3a2b-${String(sequence++).padStart(12, '0')}`
  return {
    ...{
      id,
      at: new Date(at).toISOString(),
      app: 'missions',
      environment: 'stage',
      release: 12,
      process: 'web',
    },
    ...{ instance: 'web.1-7f3a2b', stream: 'stdout', text },
    ...more,
  }
}
const write = (count: number) => {
  const lines = Array.from({ length: count }, (_, index) => line(`line ${index}`))
  for (const one of lines) engine.addLog(one)
  return lines.map(({ id }) => id)
}
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 20_000; !(await holds()); ) {
    if (Date.now() > end)
      throw new Error(`it never came to that; ${JSON.stringify(await listed())} ${errors}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
const listed = () => server.client.drains.list({})
const add = (url: string, more: object = {}) =>
  server.client.drains.add({ environment: 'stage', url, ...more })
const remove = (id: string) => server.client.drains.remove({ environment: 'stage', id })

describe('an OTLP drain', () => {
  test('is given every line from then on once, with its facts, and its secrets are nowhere to be read', async () => {
    const receiver = await receiveOtlp()
    write(3)
    const drain = await add(`${receiver.url.replace('//', '//ada:pa55word@')}/v1/logs?key=qu3ry`, {
      headers: { 'x-api-key': 'h3ader' },
    }).catch((error) => error)
    // The receiver of this test knows one path alone.
    expect(drain).toMatchObject({
      kind: 'otlp',
      url: `${receiver.url}/v1/logs?…`,
      headers: ['authorization', 'x-api-key'],
    })
    await remove(drain.id)
    const { id } = await add(receiver.url, { headers: { 'x-api-key': 'h3ader' } })
    const ids = write(2500)
    await until(() => receiver.received.length >= 2500)
    expect(receiver.problems).toEqual([])
    expect(receiver.received.map((one) => one.id).filter((one) => ids.includes(one))).toEqual(ids)
    expect(receiver.received.at(-1)).toMatchObject({
      text: 'line 2499',
      resource: {
        ...{ 'service.name': 'missions', 'service.version': 'v12', 'service.instance.id': 'web.1-7f3a2b' },
        ...{ 'deployment.environment.name': 'stage', 'towpath.process': 'web' },
      },
      attributes: { 'log.iostream': 'stdout' },
    })
    expect(receiver.headers.at(-1)).toMatchObject({ 'x-api-key': 'h3ader', 'content-encoding': 'gzip' })
    await until(async () => (await listed())[0]!.sent >= 2500)
    const dump = await Promise.all(
      ['drains', 'drain_positions', 'events', 'idempotency'].map(
        async (table) => (await sql`select * from ${sql.table(table)}`.execute(opened.db)).rows,
      ),
    )
    const visible = JSON.stringify([dump, await listed(), server.logged])
    for (const secret of ['pa55word', 'qu3ry', 'h3ader', Buffer.from('ada:pa55word').toString('base64')])
      expect(visible).not.toContain(secret)
    await remove(id)
    await receiver.close()
  })

  test('whose receiver is away is seen failing with how far it is behind, and loses nothing when it is back', async () => {
    let up = false
    const receiver = await receiveOtlp(() =>
      up ? { status: 200 } : { status: 503, headers: { 'retry-after': '0' } },
    )
    const { id } = await add(receiver.url)
    const first = write(700)
    await until(async () => (await listed())[0]!.state === 'failing')
    expect((await listed())[0]).toMatchObject({
      problem: 'the receiver answered 503',
      failingSince: expect.any(String),
    })
    const second = write(700)
    up = true
    await until(() => receiver.received.length >= 1400)
    expect(receiver.received.map((one) => one.id)).toEqual([...first, ...second])
    await until(async () => (await listed())[0]!.sent === 1400)
    expect((await listed())[0]).toMatchObject({
      state: 'sending',
      problem: null,
      failingSince: null,
      behindSeconds: 0,
    })
    await remove(id)
    await receiver.close()
  })

  test('goes on where it was when the platform starts again, at least once, with the same ids', async () => {
    const receiver = await receiveOtlp()
    const { id } = await add(receiver.url)
    const ids: string[] = []
    for (let round = 0; round < 4; round++) {
      ids.push(...write(300))
      await until(() => receiver.received.length > ids.length - 150)
      await drains.stop()
      drains = create()
      await drains.start()
    }
    const all = () => new Set(receiver.received.map((one) => one.id))
    await until(() => all().size >= ids.length)
    expect([...all()].sort()).toEqual(ids)
    await remove(id)
    await receiver.close()
  })

  test('is given the lines of copies in spaces too, which name their space, and keeps the count when one is gone', async () => {
    const receiver = await receiveOtlp()
    const { id } = await add(receiver.url)
    sources.push({ app: 'missions', space: 'mine' })
    engine.addLog(line('of the environment'))
    engine.addLog(line('of the space', { space: 'mine', release: 3 }))
    await until(async () => (await listed())[0]!.sent === 2)
    const of = (text: string) => receiver.received.find((one) => one.text === text)!.resource
    expect(of('of the space')).toMatchObject({ 'towpath.space': 'mine', 'service.version': 'mine.3' })
    expect(of('of the environment')).not.toHaveProperty('towpath.space')
    sources.pop()
    const positions = async () =>
      (await sql<{ app: string }>`select app from drain_positions order by app`.execute(opened.db)).rows
    await until(async () => (await positions()).every(({ app }) => app !== 'missions--mine'))
    expect((await listed())[0]!.sent).toBe(2)
    await remove(id)
    await receiver.close()
  })

  test('counts what is missing and what the receiver would not have, and goes on', async () => {
    const receiver = await receiveOtlp((lines) => {
      if (lines.some(({ text }) => text === 'poison')) return { status: lines.length > 1 ? 413 : 400 }
      return {
        status: 200,
        body: JSON.stringify({
          partialSuccess: { rejectedLogRecords: lines.some(({ text }) => text === 'odd') ? '1' : '0' },
        }),
      }
    })
    const { id } = await add(receiver.url)
    engine.addLog(line('poison'))
    const rest = write(20)
    engine.addLog(line('odd'))
    engine.addLog(line('7 lines are missing here: so', { stream: 'platform', missing: 7 }))
    await until(async () => ((await listed())[0]?.missing ?? 0) > 0)
    expect((await listed())[0]).toMatchObject({ sent: 21, refused: 2, missing: 7 })
    const ids = new Set(receiver.received.map((one) => one.id))
    expect(rest.every((one) => ids.has(one))).toBe(true)
    expect(receiver.received.find(({ text }) => text.startsWith('7 lines'))!.attributes).toMatchObject({
      'towpath.missing': '7',
    })
    await remove(id)
    await receiver.close()
  })

  test('is refused twice, for what is no environment, and beyond ten', async () => {
    await expect(
      server.client.drains.add({ environment: 'nowhere', url: 'https://x.example' }),
    ).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const { id } = await add('https://x.example')
    await expect(add('https://x.example')).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(add('http://x.example')).rejects.toMatchObject({ code: 'REFUSED' })
    await expect(remove('d_nothing')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await remove(id)
    const added = []
    for (let n = 0; n < 10; n++) added.push(await add(`https://x${n}.example`))
    await expect(add('https://y.example')).rejects.toMatchObject({ code: 'REFUSED' })
    for (const one of added) await remove(one.id)
    expect(await listed()).toEqual([])
  })

  test('that fails for a minute is told in the timeline, once, and so is its end', async () => {
    let up = false
    const receiver = await receiveOtlp(() => ({ status: up ? 200 : 500 }))
    const { id } = await add(receiver.url)
    write(1)
    const told = async () => {
      const query = sql<{ kind: string; message: string }>`
        select kind, message from events where facts ->> 'drain' = ${id} order by position`
      return (await query.execute(opened.db)).rows
    }
    await until(() => receiver.headers.length > 2)
    expect((await told()).map(({ kind }) => kind)).toEqual(['drain.added'])
    ahead = 61_000
    await until(async () => (await told()).length > 1)
    up = true
    await until(async () => (await told()).length > 2)
    ahead = 0
    expect((await told()).map(({ kind }) => kind)).toEqual([
      'drain.added',
      'drain.failing',
      'drain.recovered',
    ])
    expect((await told())[1]!.message).toContain('the receiver answered 500')
    await remove(id)
    await receiver.close()
  })
})

describe('a syslog drain', () => {
  const odd = line('\u001b[31mrot\u001b[0m "quoted" ] ünï', { stream: 'stderr', process: 'web' })

  test('names the space of a line', () => {
    expect(syslogMessage(line('x', { space: 'mine', release: 3 }))).toContain(
      ' environment="stage" release="mine.3" space="mine" stream="stdout"] x',
    )
  })

  test('writes RFC 5424', () => {
    expect(syslogMessage(odd)).toBe(
      `<134>1 ${odd.at} stage missions web.1-7f3a2b web [towpath@32473 id="${odd.id}" environment="stage" release="v12" stream="stderr"] ${odd.text}`,
    )
    expect(syslogMessage(line('x', { stream: 'platform', missing: 3 }))).toMatch(
      /^<132>1 .* stream="platform" missing="3"\] x$/,
    )
  })

  test('sends over TLS to a receiver whose authority was given, and to no other', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tow-tls-'))
    const certificate = makeCertificate(folder)
    rmSync(folder, { recursive: true })
    const receiver = await receiveSyslog(certificate)
    const to = { host: '127.0.0.1', port: receiver.port, tls: true }
    const lines = [odd, ...Array.from({ length: 3000 }, (_, n) => line(`${n} ${'ä'.repeat(200)}`))]
    await openSyslog({ ...to, authorities: certificate.cert })(lines, signal)
    expect(receiver.messages).toEqual(lines.map(syslogMessage))
    await expect(openSyslog(to)(lines, signal)).rejects.toThrow(/certificate/)
    receiver.close()
  })

  test('sends a batch again whose connection broke before it was read', async () => {
    const receiver = await receiveSyslog(null, 2)
    const { id } = await add(`syslog+tcp://127.0.0.1:${receiver.port}`)
    const ids = write(50)
    await until(() => receiver.messages.length >= 50)
    expect(receiver.messages.map((message) => /id="([^"]+)"/.exec(message)![1])).toEqual(ids)
    await until(async () => (await listed())[0]!.sent === 50)
    await remove(id)
    receiver.close()
  })
})

test('an address where nothing listens is a failure, and no certificate of strangers is trusted', async () => {
  const receiver = await receiveSyslog(null)
  receiver.close()
  const to = { url: `http://127.0.0.1:${receiver.port}/v1/logs`, headers: {} }
  await expect(openOtlp(to)([line('x')], signal)).rejects.toThrow('ECONNREFUSED')
})
