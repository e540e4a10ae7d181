import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { serveForTest, type TestServer } from '../../../../test/serve.ts'
import { createSystem } from './index.ts'

let database: TestDatabase
let server: TestServer
let home: string
const stopped: boolean[] = []

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'tow-system-'))
  writeFileSync(join(home, 'token'), 'x', { mode: 0o600 })
  database = await openTestDatabase()
  const system = createSystem({
    database: database.database,
    clock: { now: () => new Date() },
    version: '1.2.3',
    home,
    tokenFile: join(home, 'token'),
    parts: async () => [{ name: 'runner', ok: false, message: 'does not answer', pid: null }],
    counts: async () => ({ apps: 3, activeRollouts: 1, activeBuilds: 0 }),
    checks: [
      async () => [{ name: 'engine', ok: true, message: 'local: 2 cores' }],
      async () => {
        throw new Error('boom')
      },
    ],
    whatStops: (everything) => (everything ? ['platform', 'apps'] : ['platform']),
    stop: (everything) => stopped.push(everything),
  })
  server = await serveForTest({ database: database.database, routes: system.routes })
})
afterAll(async () => {
  await server?.close()
  await database?.close()
  rmSync(home, { recursive: true, force: true })
})

test('status tells of every part, the platform among them', async () => {
  const status = await server.client.system.status()
  expect(status).toMatchObject({ version: '1.2.3', home, apps: 3 })
  expect(status.parts).toEqual([
    { name: 'platform', ok: true, message: 'answers', pid: process.pid },
    { name: 'runner', ok: false, message: 'does not answer', pid: null },
  ])
})

test('doctor makes every check, and one that can’t be made hides no other', async () => {
  const checks = await server.client.system.doctor()
  const names = checks.map(({ name }) => name)
  expect(names).toEqual(expect.arrayContaining(['disk', 'home', 'database', 'clock', 'git', 'engine']))
  expect(checks.find(({ message }) => message.includes('boom'))).toMatchObject({ ok: false })
  for (const check of checks) if (!check.ok) expect(check.mend, check.name).toBeTruthy()
})

test('doctor sees a token that others can read', async () => {
  chmodSync(join(home, 'token'), 0o644)
  const checks = await server.client.system.doctor()
  expect(checks.find(({ name }) => name === 'home')).toMatchObject({
    ok: false,
    mend: expect.stringContaining('tow'),
  })
  chmodSync(join(home, 'token'), 0o600)
})

test('stop tells what ends, ends it, and is in the timeline', async () => {
  expect(await server.client.system.stop({ everything: true })).toEqual({ stopping: ['platform', 'apps'] })
  expect(stopped).toEqual([true])
  const { message } = await database.db
    .selectFrom('events')
    .select('message')
    .where('kind', '=', 'platform.stopped')
    .executeTakeFirstOrThrow()
  expect(message).toBe('Stopped the platform, apps and databases')
})
