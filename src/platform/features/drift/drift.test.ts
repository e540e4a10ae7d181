import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { serveForTest, type TestServer } from '../../../../test/serve.ts'
import type { Difference } from '../../../api/processes.ts'
import { createDrift } from './index.ts'
import { due, LOOK_AGAIN_MS, type Place } from './rules.ts'
import { migrations } from './store.ts'

const MESSAGE = 'Deployment shop--web--v1: spec.replicas is 2, asked for is 1 (changed by kubectl-edit)'
const SCALED: Difference = { message: MESSAGE, count: { process: 'web', count: 2 } }
const other = (message: string): Difference => ({ message, count: null })

let database: TestDatabase
let server: TestServer
let drift: ReturnType<typeof createDrift>
let places: Place[]
/** What the engine says, look after look; the last of them from then on. */
let says: (Difference[] | Error)[]
/** While the engine looks. */
let meanwhile: () => void
let now: number

beforeAll(async () => {
  database = await openTestDatabase(migrations)
  drift = createDrift({
    database: database.database,
    clock: { now: () => new Date(now) },
    async compare() {
      meanwhile()
      const said = says.length > 1 ? says.shift()! : says[0]!
      if (said instanceof Error) throw said
      return said
    },
    places: async (_db, { app, environment } = {}) =>
      places.filter((one) => (!app || one.app === app) && (!environment || one.environment === environment)),
    onError: (error) => expect.fail(String(error)),
    confirmAfter: 0,
  })
  server = await serveForTest({ database: database.database, routes: drift.routes })
})
afterAll(async () => {
  await server?.close()
  await database?.close()
})
beforeEach(async () => {
  places = [{ app: 'shop', environment: 'live', generation: 1, isMoving: false }]
  says = [[]]
  meanwhile = () => {}
  now = Date.parse('2026-11-28T12:00:00Z')
  await database.db.deleteFrom('events').execute()
  await database.db.withTables<{ drift: object }>().deleteFrom('drift').execute()
})

const pass = () => drift.pass(new AbortController().signal)
const list = () => server.client.drift.list()
async function events() {
  const rows = await database.db.selectFrom('events').selectAll().orderBy('position').execute()
  return rows.map(({ kind, by, message }) => `${kind} by ${by}: ${message}`)
}

test('what somebody changed is found, told once, and known since when', async () => {
  says = [[SCALED]]
  await pass()
  now += LOOK_AGAIN_MS
  await pass()
  expect(await list()).toEqual([
    {
      app: 'shop',
      environment: 'live',
      differences: [SCALED],
      adoptable: true,
      since: '2026-11-28T12:00:00.000Z',
      lookedAt: '2026-11-28T12:10:00.000Z',
    },
  ])
  expect(await events()).toEqual([
    `drift.found by towpath: shop in live was changed past Towpath: ${MESSAGE}`,
  ])
})

test('what is gone at the second look has converged, and is no drift', async () => {
  says = [[SCALED, other('a Service is gone')], [other('a Service is gone')]]
  await pass()
  expect(await list()).toMatchObject([{ differences: [other('a Service is gone')], adoptable: false }])
  says = [[other('something')], []]
  now += LOOK_AGAIN_MS
  await pass()
  expect(await list()).toEqual([])
  expect((await events()).at(-1)).toMatch(/^drift\.gone .*: shop in live is as asked for again$/)
})

test('an app that is changed is looked at again at once, and one that moves not at all', async () => {
  says = [[SCALED]]
  await pass()
  says = [[]]
  await pass()
  expect(await list()).toHaveLength(1)
  places[0]!.isMoving = true
  now += LOOK_AGAIN_MS
  await pass()
  expect(await list()).toHaveLength(1)
  places[0] = { ...places[0]!, isMoving: false, generation: 2 }
  await pass()
  expect(await list()).toEqual([])
})

test('what changed while it was looked at is not written down', async () => {
  says = [[SCALED]]
  meanwhile = () => {
    places[0] = { ...places[0]!, generation: 2 }
  }
  await pass()
  expect(await list()).toEqual([])
  expect(await events()).toEqual([])
})

test('an engine that does not answer hides no other app, and is asked again', async () => {
  places.push({ ...places[0]!, app: 'web' })
  says = [new Error('the cluster is away'), [SCALED]]
  await pass()
  expect((await list()).map(({ app }) => app)).toEqual(['web'])
  await pass()
  expect((await list()).map(({ app }) => app)).toEqual(['shop', 'web'])
})

test('an app that serves no more is forgotten without a word', async () => {
  says = [[SCALED]]
  await pass()
  places = []
  expect(await list()).toEqual([])
  await pass()
  expect(await database.db.withTables<{ drift: object }>().selectFrom('drift').selectAll().execute()).toEqual(
    [],
  )
  expect(await events()).toHaveLength(1)
})

test('whoever was looked at longest ago comes first', () => {
  const place = (app: string): Place => ({ app, environment: 'live', generation: 1, isMoving: false })
  const row = (app: string, at: number) => ({
    ...{ app, environment: 'live', differences: [], since: null, generation: 1 },
    looked_at: new Date(at),
  })
  const all = [place('new'), place('recent'), place('old'), place('older')]
  const rows = [row('recent', now), row('old', now - LOOK_AGAIN_MS), row('older', now - 2 * LOOK_AGAIN_MS)]
  expect(due(all, rows, now).map(({ app }) => app)).toEqual(['new', 'older', 'old'])
})
