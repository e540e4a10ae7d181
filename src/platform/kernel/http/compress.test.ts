import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { serveForTest, type TestServer, TOKEN } from '../../../../test/serve.ts'
import { createEvents } from '../../features/events/index.ts'
import { kernelMigrations } from '../migrations.ts'

let database: TestDatabase
let server: TestServer

beforeAll(async () => {
  database = await openTestDatabase(kernelMigrations)
  server = await serveForTest({ database: database.database, routes: createEvents(database).routes })
})
afterAll(async () => {
  await server?.close()
  await database?.close()
})

const read = (encoding: string) =>
  fetch(`${server.url}/api/events?limit=100`, {
    headers: { authorization: `Bearer ${TOKEN}`, 'accept-encoding': encoding },
  })

test('large answers travel compressed to whoever can read that, and say the same to everybody', async () => {
  const small = await read('gzip')
  expect(small.headers.get('content-encoding')).toBe(null)
  await small.arrayBuffer()
  await database.database.change({ name: 'ada' }, async (change) => {
    for (let index = 0; index < 100; index += 1) {
      change.event({ kind: 'config.changed', message: `Set KEY_${index} of an app: ${'ä'.repeat(100)}` })
    }
  })
  const [packed, plain] = [await read('br, gzip'), await read('identity')]
  expect(packed.headers.get('content-encoding')).toBe('gzip')
  expect(packed.headers.get('vary')).toBe('accept-encoding')
  expect(Number(packed.headers.get('content-length'))).toBeLessThan(8 * 1024)
  expect(plain.headers.get('content-encoding')).toBe(null)
  const events = (await plain.json()) as { message: string }[]
  expect(events).toHaveLength(100)
  expect(await packed.json()).toEqual(events)
})
