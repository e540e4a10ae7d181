import { call } from '@orpc/server'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import type { Engine } from '../../../engines/engine.ts'
import { systemClock } from '../../kernel/clock.ts'
import { createEnvironments, environmentMigrations } from './index.ts'

const context = { actor: { name: 'ada' }, requestId: 'test', signal: new AbortController().signal }
const apps: Record<string, string[]> = { prod: ['missions', 'reports'], qa: ['web'] }
/** Answers of the engine's side, one after the other; the last one stays. */
let leaving: string[][] = [[]]
let opened: TestDatabase
let feature: ReturnType<typeof createEnvironments>
const removed: string[] = []

beforeAll(async () => {
  opened = await openTestDatabase(environmentMigrations)
  feature = createEnvironments({
    database: opened.database,
    clock: systemClock,
    engineKinds: ['local', 'far'],
    settle: async (_kind, given) => given,
    lend: async (kind, settings, { lend, takeBack }) => {
      const lent = new Set([...((settings.lent as string[] | undefined) ?? []), ...lend])
      for (const place of takeBack) lent.delete(place)
      return kind === 'far' ? { ...settings, lent: [...lent] } : null
    },
    facts: async (_kind, { place }) => (place ? [{ name: 'place', value: String(place) }] : []),
    probe: async (_kind, { broken }) =>
      broken ? [{ name: 'gateway', ok: false, message: 'there is none', mend: 'make one' }] : [],
    probePostgres: async () => [],
    engines: async (name) =>
      ({
        check: async () => [{ name: 'runner', ok: true, message: `answers for ${name}` }],
        capacity: async () => ({ of: 'this machine', cpus: 2, memoryBytes: 1024 ** 3 }),
        observeAll: async () => [
          observed('stage', [
            { cpuPercent: 30, memoryBytes: 1000 },
            { cpuPercent: 20, memoryBytes: 500 },
          ]),
          // The same engine, for another environment.
          observed('prod', [{ cpuPercent: 100, memoryBytes: 9000 }]),
        ],
      }) as never as Engine,
    asking: async () => [
      {
        processes: { web: { cpuMillis: 250, memoryMegabytes: 128 }, worker: { cpuMillis: 500 } },
        counts: { web: 2, worker: 1 },
      },
    ],
    appsIn: async (_db, name) => [...(apps[name] ?? []), ...(name === 'leaving' ? leaving[0]! : [])],
    leaving: async (_db, name) => {
      if (name !== 'leaving') return []
      return leaving.length > 1 ? leaving.shift()! : leaving[0]!
    },
    onRemoved: async (_change, name) => void removed.push(name),
  })
})

afterAll(() => opened.close())

const observed = (environment: string, processes: object[]) => ({
  target: { app: 'web', environment },
  sets: [{ processes }],
})

const routes = () => feature.routes.environments
const names = async () => (await call(routes().list, undefined, { context })).map(({ name }) => name)
const add = (input: { name: string; before?: string; engine?: string; settings?: Record<string, string> }) =>
  call(routes().add, input, { context })
const remove = (name: string) => call(routes().remove, { name }, { context })

test('stage and prod are there from the first minute, in this order', async () => {
  expect(await call(routes().list, undefined, { context })).toMatchObject([
    { name: 'stage', engine: 'local', position: 0 },
    { name: 'prod', engine: 'local', position: 1 },
  ])
})

test('tells what there is, what is asked for and by whom not, and what is used there alone', async () => {
  expect(await call(routes().capacity, { name: 'stage' }, { context })).toEqual({
    ...{ of: 'this machine', cpus: 2, memoryBytes: 1024 ** 3 },
    asked: { cpus: 1, memoryBytes: 256 * 1024 ** 2 },
    used: { cpus: 0.5, memoryBytes: 1500 },
    ...{ processes: 3, silent: 1 },
  })
})

test('a new environment stands at the end, or before the one that is named', async () => {
  await add({ name: 'eu' })
  expect(await add({ name: 'qa', before: 'prod' })).toMatchObject({ name: 'qa', position: 1 })
  expect(await names()).toEqual(['stage', 'qa', 'prod', 'eu'])
  await remove('eu')
  expect(await names()).toEqual(['stage', 'qa', 'prod'])
  expect((await feature.list(opened.db)).map(({ position }) => position)).toEqual([0, 1, 2])
})

test('people who add at the same time get the places that they asked for', async () => {
  const early = ['a1', 'a2', 'a3', 'a4']
  const late = ['b1', 'b2', 'b3', 'b4']
  await Promise.all([
    ...late.map((name) => add({ name, before: 'prod' })),
    ...early.map((name) => add({ name, before: 'stage' })),
  ])
  const order = await names()
  expect(order.slice(0, 4).sort()).toEqual(early)
  expect(order.slice(4, 6)).toEqual(['stage', 'qa'])
  expect(order.slice(6, 10).sort()).toEqual(late)
  expect(order[10]).toBe('prod')
  for (const name of [...early, ...late]) await remove(name)
  expect((await feature.list(opened.db)).map(({ position }) => position)).toEqual([0, 1, 2])
})

test('a name that is not there is answered with those that are, and the nearest', async () => {
  await expect(feature.get(opened.db, 'prd')).rejects.toMatchObject({
    code: 'NOT_FOUND',
    message: 'there is no environment "prd"; there are stage, qa and prod',
    hint: 'did you mean prod?',
  })
  await expect(add({ name: 'late', before: 'nowhere' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('a name that is taken and an engine that is not here are refused', async () => {
  await expect(add({ name: 'stage' })).rejects.toMatchObject({ code: 'CONFLICT' })
  await expect(add({ name: 'far', engine: 'kubernetes' })).rejects.toMatchObject({
    message: 'there is no engine "kubernetes" here; there is local and far',
  })
})

test('an environment is bound by settings and shows what they come down to; a check that fails refuses it', async () => {
  await expect(add({ name: 'far', engine: 'far', settings: { broken: 'yes' } })).rejects.toMatchObject({
    code: 'REFUSED',
    message: 'far cannot run apps yet: gateway: there is none',
    hint: 'make one',
  })
  expect(await names()).not.toContain('far')
  expect(await add({ name: 'far', engine: 'far', settings: { place: 'moon' } })).toMatchObject({
    facts: [{ name: 'place', value: 'moon' }],
  })
  expect((await feature.get(opened.db, 'far')).settings).toEqual({ place: 'moon' })
  await remove('far')
})

test('an environment in which apps run is not removed, and they are named', async () => {
  await expect(remove('prod')).rejects.toMatchObject({
    code: 'REFUSED',
    message: 'missions and reports run in prod; an environment is removed when nothing runs in it',
  })
  await expect(remove('qa')).rejects.toMatchObject({ message: /^web runs in qa/ })
})

test('an environment waits for apps that are being removed from it', async () => {
  await add({ name: 'leaving' })
  leaving = [['web'], ['web'], []]
  await remove('leaving')
  expect(await names()).not.toContain('leaving')
  expect(leaving).toEqual([[]])
})

test('the last environment stays', async () => {
  apps.qa = []
  apps.prod = []
  await remove('qa')
  await remove('stage')
  await expect(remove('prod')).rejects.toMatchObject({ message: /only environment/ })
  expect(removed).toContain('stage')
})

test('the timeline tells who added and removed what', async () => {
  const events = await opened.db
    .selectFrom('events')
    .select(['kind', 'by', 'message'])
    .orderBy('position')
    .execute()
  expect(events[1]).toEqual({
    kind: 'environment.added',
    by: 'ada',
    message: 'Added the environment qa on the local engine, before prod',
  })
  expect(events.at(-1)).toEqual({
    kind: 'environment.removed',
    by: 'ada',
    message: 'Removed the environment stage',
  })
})

test('logins are lent and taken back, told once each, and not where nothing is looked up', async () => {
  await call(routes().add, { name: 'cloud', engine: 'far', settings: {} }, { context })
  const lend = (lending: object) => call(routes().lend, { name: 'cloud', ...lending }, { context })
  await lend({ lend: ['ghcr.io/team', 'quay.io'] })
  await lend({ lend: ['quay.io'] })
  await lend({ takeBack: ['ghcr.io/team'] })
  expect((await feature.get(opened.db, 'cloud')).settings).toEqual({ lent: ['quay.io'] })
  const { rows } = await sql<{ message: string }>`
    select message from events where kind = 'environment.logins-lent' order by position`.execute(opened.db)
  expect(rows.map(({ message }) => message)).toEqual([
    'Logins are lent for ghcr.io/team and quay.io to who ships images to cloud',
    'Logins are lent no more for ghcr.io/team to who ships images to cloud',
  ])
  await expect(call(routes().lend, { name: 'prod', lend: ['quay.io'] }, { context })).rejects.toMatchObject({
    message: expect.stringMatching(/^prod is on the local engine, which looks up no images/),
  })
  await expect(call(routes().lend, { name: 'clowd' }, { context })).rejects.toMatchObject({
    code: 'NOT_FOUND',
  })
})

test('a check asks the engine of the environment', async () => {
  expect(await call(routes().check, { name: 'prod' }, { context })).toEqual([
    { name: 'runner', ok: true, message: 'answers for prod' },
  ])
})
