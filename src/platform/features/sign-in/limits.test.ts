import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { accessMigrations } from '../access/index.ts'
import { createLimits } from './limits.ts'
import { migrations } from './store.ts'

let database: TestDatabase
let now = Date.parse('2026-01-01T00:00:00Z')
const clock = { now: () => new Date(now) }
beforeAll(async () => {
  database = await openTestDatabase([...accessMigrations, ...migrations])
})
afterAll(() => database?.close())

const wrong = async () => {
  throw new Error('wrong')
}

test('a restart forgets nobody', async () => {
  const attempt = { address: '192.0.2.1', person: 'ada' }
  for (let tries = 0; tries < 5; tries += 1) {
    await expect(createLimits({ db: database.db, clock }).attempt(attempt, wrong)).rejects.toThrow('wrong')
  }
  const restarted = createLimits({ db: database.db, clock })
  await expect(restarted.attempt(attempt, async () => 'right')).rejects.toMatchObject({
    code: 'TOO_MANY',
    retryAfterSeconds: 30,
  })
  now += 30_000
  expect(await restarted.attempt(attempt, async () => 'right')).toBe('right')
})

test('pauses double, end at fifteen minutes, and an hour without mistakes forgets them', async () => {
  const limits = createLimits({ db: database.db, clock })
  const attempt = (at: number) => limits.attempt({ address: `192.0.2.${at}`, person: 'grace' }, wrong)
  const pauses: number[] = []
  for (let at = 10; pauses.length < 8; at += 1) {
    const failure = await attempt(at).catch((error) => error)
    if (failure.code !== 'TOO_MANY') continue
    pauses.push(failure.retryAfterSeconds)
    now += failure.retryAfterSeconds * 1000
  }
  expect(pauses).toEqual([30, 60, 120, 240, 480, 900, 900, 900])
  now += 3_600_000
  for (let tries = 0; tries < 5; tries += 1) await expect(attempt(50 + tries)).rejects.toThrow('wrong')
})

test('neighbours in one IPv6 network wait together, and others don’t', async () => {
  const limits = createLimits({ db: database.db, clock })
  for (let tries = 0; tries < 20; tries += 1) {
    await expect(limits.attempt({ address: `2001:db8::${tries + 1}` }, wrong)).rejects.toThrow('wrong')
  }
  await expect(limits.attempt({ address: '2001:db8::ffff' }, wrong)).rejects.toMatchObject({
    code: 'TOO_MANY',
  })
  await expect(limits.attempt({ address: '2001:db8:0:1::1' }, wrong)).rejects.toThrow('wrong')
})
