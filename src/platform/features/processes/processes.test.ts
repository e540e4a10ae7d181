import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { type Control, openControl, processSpec, runSpec } from '../../../../test/control.ts'
import { serveForTest, type TestServer } from '../../../../test/serve.ts'
import { createProcesses, type Processes, processMigrations } from './index.ts'
import { judgeRun, samplesOf } from './rules.ts'

const OF_APP = { app: 'web-app', environment: 'stage' }
let control: Control
let processes: Processes
let server: TestServer

const nowhere = async () => {
  throw new Error('there are no spaces here')
}

async function open() {
  processes = createProcesses({
    database: control.test.database,
    clock: { now: () => new Date(control.engine.world.now()) },
    engines: async () => control.engine,
    releases: control.releases,
    rollouts: control.rollouts,
    spaces: { copy: nowhere, environmentOf: nowhere, jobSet: nowhere, restart: nowhere, scale: nowhere },
    onError: (error) => control.errors.push(error),
  })
  await processes.start()
  server = await serveForTest({
    database: control.test.database,
    routes: processes.routes,
    mounts: [(scope) => processes.mount(scope)],
  })
}

async function close() {
  await server.close()
  await processes.stop()
}

beforeAll(async () => {
  control = await openControl({ migrations: processMigrations })
  const { rollout } = await control.ship({
    run: runSpec({
      processes: { web: processSpec(), worker: processSpec('node worker.js') },
      crons: { nightly: { command: 'node nightly.js', schedule: '0 3 * * *', timezone: 'UTC' } },
    }),
    counts: { web: 2 },
  })
  await control.until(rollout, 'live')
  await open()
})
afterAll(async () => {
  await close()
  await control.close()
})

const run = (command: string, more: object = {}) =>
  server.client.processes.run({ ...OF_APP, command, ...more })

async function ended(id: string) {
  let seen = await server.client.processes.getRun({ id })
  await control.passUntil(async () => {
    seen = await server.client.processes.getRun({ id })
    return seen.state !== 'running'
  })
  return seen
}

describe('what runs', () => {
  it('is what the engine saw, with its time, and with counts by hand', async () => {
    await server.client.processes.scale({ ...OF_APP, counts: { web: 3 }, reason: 'sale' })
    await control.passUntil(async () => (await server.client.processes.list(OF_APP)).processes.length === 4)
    const list = await server.client.processes.list(OF_APP)
    expect(list.observedAt).toBe(new Date(control.engine.world.now()).toISOString())
    expect(list.processes.map((one) => one.process)).toEqual(['web', 'web', 'web', 'worker'])
    expect(list.crons).toEqual([
      { name: 'nightly', schedule: '0 3 * * *', timezone: 'UTC', nextAt: null, lastRun: null },
    ])
    expect(list.overrides).toMatchObject([{ process: 'web', count: 3, by: 'ada', reason: 'sale' }])
  })

  it('is not known while the engine is away, and nothing old is shown for it', async () => {
    control.engine.away('it is gone')
    const list = await server.client.processes.list(OF_APP)
    control.engine.away(null)
    expect(list).toMatchObject({ observedAt: null, processes: [] })
    expect(list.crons.map((cron) => cron.name)).toEqual(['nightly'])
  })

  it('of an app that was never shipped is refused with what to do', async () => {
    await expect(server.client.processes.list({ app: 'other', environment: 'stage' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'other was never shipped to stage',
      hint: 'tow ship -a other -e stage',
    })
  })

  it('adds up what the instances of a process used', () => {
    const sample = { seconds: 60, set: 'v1', process: 'web', cpuPercent: 10, memoryBytes: 5 }
    expect(
      samplesOf([
        { ...sample, at: '2026-01-01T00:01:00Z', instance: 'web.1' },
        { ...sample, at: '2026-01-01T00:00:00Z', instance: 'web.1' },
        { ...sample, at: '2026-01-01T00:01:00Z', instance: 'web.2' },
      ]),
    ).toEqual([
      { process: 'web', at: '2026-01-01T00:00:00Z', cpuPercent: 10, memoryBytes: 5 },
      { process: 'web', at: '2026-01-01T00:01:00Z', cpuPercent: 20, memoryBytes: 10 },
    ])
  })
})

describe('a run', () => {
  it('starts once and ends with the exit that the engine tells', async () => {
    const { id, state } = await run('node migrate.js')
    expect(state).toBe('running')
    expect(await ended(id)).toMatchObject({ state: 'succeeded', exit: 0 })
    expect(control.engine.world.starts.get(id)).toBe(1)
    const runs = await server.client.processes.listRuns(OF_APP)
    expect(runs[0]).toMatchObject({ id, command: 'node migrate.js', by: 'ada' })
  })

  it('starts once although the engine’s answer was lost', async () => {
    let isLost = false
    control.engine.fault((call) => {
      if (call !== 'run' || isLost) return null
      isLost = true
      return 'lost-answer'
    })
    const { id } = await run('node import.js')
    expect(await ended(id)).toMatchObject({ state: 'succeeded' })
    expect(control.engine.world.starts.get(id)).toBe(1)
    control.errors.length = 0
  })

  it('that the engine did not answer for is unknown, and is not started again', async () => {
    control.engine.fault((call) => (call === 'run' ? 'lost-request' : null))
    const { id } = await run('node pay.js')
    expect(await ended(id)).toMatchObject({
      state: 'unknown',
      reason: 'the engine did not answer whether it started',
    })
    control.engine.fault(() => null)
    expect(control.engine.world.starts.get(id)).toBeUndefined()
    control.errors.length = 0
  })

  it('of a platform that died before it asked the engine is never started late', async () => {
    control.engine.fault((call) => (call === 'run' ? 'hang' : null))
    const { id } = await run('rm -rf cache')
    await close()
    control.engine.fault(() => null)
    await open()
    expect(await ended(id)).toMatchObject({ state: 'failed', exit: null })
    expect(control.engine.world.starts.get(id)).toBeUndefined()
    control.errors.length = 0
  })

  it('is unknown when the engine forgot it after it had started', () => {
    expect(judgeRun('answered', null)).toMatchObject({ state: 'unknown' })
    expect(judgeRun('unanswered', null)).toMatchObject({ state: 'unknown' })
    expect(judgeRun('abandoned', null)).toMatchObject({ state: 'failed' })
    expect(judgeRun('under-way', null)).toBeNull()
  })

  it('does not put its command line into the timeline', async () => {
    const { id } = await run('login --password hunter2')
    await ended(id)
    const events = await control.test.db.selectFrom('events').selectAll().execute()
    expect(JSON.stringify(events)).toContain(id)
    expect(JSON.stringify(events)).not.toContain('hunter2')
  })
})

describe('the terminal of a run', () => {
  async function join(id: string) {
    const { url, headers } = server.client.door.webSocket(`/runs/${id}/terminal`)
    const socket = new WebSocket(url, { headers })
    const messages: { text: string; isBinary: boolean }[] = []
    const closed = once(socket, 'close')
    socket.on('message', (data: Buffer, isBinary: boolean) =>
      messages.push({ text: isBinary ? `${data[0]}:${data.subarray(1)}` : data.toString(), isBinary }),
    )
    await once(socket, 'open')
    return { socket, messages, closed }
  }

  it('carries bytes both ways, sizes, signals and the end, and can be joined again', async () => {
    const lasts = (ms: number) => control.engine.world.behave(OF_APP, { job: { ms, state: 'succeeded' } })
    lasts(3_000_000)
    const { id } = await run('sh', { terminal: { columns: 80, rows: 24 } })
    const first = await join(id)
    first.socket.send(Buffer.from('echo'), { binary: true })
    await control.passUntil(() => first.messages.length === 1)
    expect(first.messages[0]?.text).toBe('1:echo')
    first.socket.close()
    await first.closed
    expect((await server.client.processes.getRun({ id })).state).toBe('running')

    const second = await join(id)
    second.socket.send(JSON.stringify({ type: 'resize', columns: 100, rows: 30 }))
    second.socket.send(JSON.stringify({ type: 'signal', name: 'SIGINT' }))
    await second.closed
    lasts(100)
    expect(second.messages.map((message) => message.text)).toEqual([
      '1:100x30',
      '2:SIGINT',
      JSON.stringify({ type: 'end', state: 'succeeded', exit: 0, reason: null }),
    ])
  })

  it('of a run that is over tells the end', async () => {
    const { id } = await run('true')
    await ended(id)
    const { messages, closed } = await join(id)
    await closed
    expect(messages.map((message) => JSON.parse(message.text))).toEqual([
      { type: 'end', state: 'succeeded', exit: 0, reason: null },
    ])
  })

  it('is closed to strangers and to odd requests', async () => {
    const { id } = await run('sh')
    const { url } = server.client.door.webSocket(`/runs/${id}/terminal`)
    const stranger = new WebSocket(url)
    const [error] = await once(stranger, 'error')
    expect(String(error)).toContain('401')
    const joined = await join(id)
    joined.socket.send('nonsense')
    await joined.closed
  })
})

describe('logs', () => {
  const line = (id: string) => ({
    ...{ id, at: '2026-01-01T00:00:00.000Z', ...OF_APP, release: 1, process: 'web', instance: 'web.1' },
    ...{ stream: 'stdout' as const, text: `line ${id}` },
  })

  it('go on after the last line when the engine was away', async () => {
    control.engine.addLog(line('1'))
    const seen: string[] = []
    const abort = new AbortController()
    const stream = await server.client.processes.logs({ ...OF_APP, follow: true }, { signal: abort.signal })
    const reading = (async () => {
      for await (const one of stream) seen.push(one.id)
    })().catch(() => {})
    await control.passUntil(() => seen.length === 1)
    control.engine.addLog(line('2'))
    await control.passUntil(() => seen.length === 2)
    expect(seen).toEqual(['1', '2'])
    abort.abort()
    await reading
  })
})

describe('maintenance', () => {
  const desired = () => control.engine.world.desired(OF_APP)

  it('reaches the engine, is shown and told once, and goes on over a release', async () => {
    const maintenance = { message: 'Back at noon.' }
    for (let turn = 0; turn < 2; turn++) await server.client.processes.maintain({ ...OF_APP, maintenance })
    await control.passUntil(async () => desired().maintenance !== undefined)
    expect(desired().maintenance).toEqual(maintenance)
    expect((await server.client.processes.list(OF_APP)).maintenance).toEqual(maintenance)
    const told = control.test.db
      .selectFrom('events')
      .select('message')
      .where('kind', '=', 'maintenance.begun')
    expect(await told.execute()).toEqual([
      { message: 'web-app in stage is under maintenance: Back at noon.' },
    ])
    const { rollout } = await control.ship({
      run: runSpec({ processes: { web: processSpec(), worker: processSpec('node worker.js') } }),
      counts: { web: 2 },
    })
    await control.until(rollout, 'live')
    expect(desired().maintenance).toEqual(maintenance)
    await server.client.processes.maintain({ ...OF_APP, maintenance: null })
    await control.passUntil(async () => desired().maintenance === undefined)
    expect((await server.client.processes.list(OF_APP)).maintenance).toBeNull()
  })
})

describe('what somebody changed past Towpath', () => {
  const generation = async () => (await control.engine.observe(OF_APP)).generation
  const lastKind = async () =>
    (
      await control.test.db.selectFrom('events').select('kind').orderBy('position', 'desc').limit(1).execute()
    )[0]?.kind
  const replicas = (set: string, count: number) => ({
    message: `Deployment: ${count} of web run`,
    count: { set, process: 'web', count },
  })

  it('is put back by an order for the same, and told', async () => {
    control.engine.drifted([replicas('v9', 5), { message: 'a Service is gone' }])
    expect(await server.client.processes.drift(OF_APP)).toEqual([
      { message: 'Deployment: 5 of web run', count: null },
      { message: 'a Service is gone', count: null },
    ])
    const before = await generation()
    await server.client.processes.settleDrift({ ...OF_APP, choice: 'mend' })
    await control.passUntil(async () => (await generation()) > before)
    expect(await lastKind()).toBe('process.mended')
  })

  it('is adopted as a count by hand where it is one of the release that serves', async () => {
    const live = await control.rollouts.live(control.test.db, OF_APP.app, OF_APP.environment)
    control.engine.drifted([replicas(`v${live}`, 4)])
    await server.client.processes.settleDrift({ ...OF_APP, choice: 'adopt' })
    const { overrides } = await server.client.processes.list(OF_APP)
    expect(overrides).toMatchObject([
      { process: 'web', count: 4, by: 'ada', reason: 'adopted: it was changed past Towpath' },
    ])
    expect(await lastKind()).toBe('process.scaled')
  })

  it('is not adopted where Towpath has no word for it, and then nothing changes', async () => {
    const live = await control.rollouts.live(control.test.db, OF_APP.app, OF_APP.environment)
    control.engine.drifted([replicas(`v${live}`, 2), { message: 'the Service listens on 81' }])
    const before = await lastKind()
    await expect(server.client.processes.settleDrift({ ...OF_APP, choice: 'adopt' })).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('the Service listens on 81'),
    })
    control.engine.drifted([])
    expect((await server.client.processes.list(OF_APP)).overrides).toMatchObject([{ count: 4 }])
    expect(await lastKind()).toBe(before)
  })

  it('is nothing where nothing differs, and nothing is told', async () => {
    const before = await lastKind()
    for (const choice of ['mend', 'adopt'] as const)
      expect(await server.client.processes.settleDrift({ ...OF_APP, choice })).toEqual({
        differences: [],
        counts: {},
      })
    expect(await lastKind()).toBe(before)
  })
})
