import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { serveForTest, type TestServer } from '../../../../test/serve.ts'
import { createEvents } from './index.ts'

let database: TestDatabase
let server: TestServer

beforeAll(async () => {
  database = await openTestDatabase()
  server = await serveForTest({ database: database.database, routes: createEvents(database).routes })
})
afterAll(async () => {
  await server?.close()
  await database?.close()
})

interface Noted {
  kind?: string
  app?: string
  environment?: string
  by?: string
}

function note(message: string, { kind = 'thing.done', by = 'ada', ...about }: Noted = {}) {
  return database.database.change({ name: by }, async (change) => change.event({ kind, message, ...about }))
}

/** Reads N messages from the timeline after a position, through the real stream. */
async function follow(
  count: number,
  filter: Parameters<TestServer['client']['events']['follow']>[0],
  messages: string[] = [],
) {
  const end = new AbortController()
  for await (const event of await server.client.events.follow(filter, { signal: end.signal })) {
    messages.push(event.message)
    if (messages.length === count) break
  }
  end.abort()
  return messages
}

async function newestPosition(): Promise<number> {
  return (await server.client.events.list({ limit: 1 }))[0]?.position ?? 0
}

/** How many transactions wait for an advisory lock. */
async function waiting(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from pg_locks
    where locktype = 'advisory' and not granted
      and database = (select oid from pg_database where datname = current_database())`.execute(database.db)
  return rows[0]!.count
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sql`select pg_sleep(0.01)`.execute(database.db)
}

describe('the timeline', () => {
  test('shows a change only once it is committed, and in the order of the commits', async () => {
    const after = await newestPosition()
    let finishSlow = () => {}
    const slowMayFinish = new Promise<void>((resolve) => {
      finishSlow = resolve
    })
    let slowHasBegun = () => {}
    const begun = new Promise<void>((resolve) => {
      slowHasBegun = resolve
    })
    const following = follow(2, { after })
    // The slow one begins first, notes its event first and takes a transaction id first, but commits last.
    const slow = database.database.change({ name: 'ada' }, async (change) => {
      change.event({ kind: 'thing.done', message: 'slow' })
      await sql`select txid_current()`.execute(change.db)
      slowHasBegun()
      await slowMayFinish
    })
    await begun
    await note('quick')
    finishSlow()
    await slow
    expect(await following).toEqual(['quick', 'slow'])
  })

  test('loses no event whose commit is slower than that of a later one', async () => {
    const after = await newestPosition()
    // Holds a commit back at its very end, after the position was given out, until the lock is let go.
    await sql
      .raw(`
        create function hold_commit() returns trigger language plpgsql as $$
          begin perform pg_advisory_xact_lock(99); return null; end $$;
        create constraint trigger hold_commit after insert on events deferrable initially deferred
          for each row when (new.message = 'held') execute function hold_commit();
      `)
      .execute(database.db)
    const seen: string[] = []
    const following = follow(2, { after }, seen)
    const { held, later } = await database.db.connection().execute(async (connection) => {
      await sql`select pg_advisory_lock(99)`.execute(connection)
      const held = note('held')
      await until(async () => (await waiting()) === 1)
      const later = note('later')
      // Either it has to wait for the held one, or the follower has gone past the held one's position.
      await until(async () => seen.length > 0 || (await waiting()) === 2)
      await sql`select pg_advisory_unlock(99)`.execute(connection)
      return { held, later }
    })
    await Promise.all([held, later])
    const listed = await server.client.events.list({ limit: 2 })
    expect(await following).toEqual(listed.map((event) => event.message).reverse())
  })

  test('is followed without a gap while many change it at once', async () => {
    const after = await newestPosition()
    const following = follow(60, { after })
    await Promise.all(Array.from({ length: 60 }, (_, index) => note(`at once ${index}`)))
    const messages = await following
    expect(new Set(messages).size).toBe(60)
    const listed = await server.client.events.list({ limit: 60 })
    expect(messages).toEqual(listed.map((event) => event.message).reverse())
  })

  test('follows from now on where no position is given', async () => {
    await note('long ago')
    const end = new AbortController()
    const stream = await server.client.events.follow({}, { signal: end.signal })
    const next = stream.next()
    // The stream is asked for its position when it is first read; only what comes later is told.
    const ticking = setInterval(() => void note('from now on'), 20)
    const first = await next
    clearInterval(ticking)
    end.abort()
    expect((first.value as { message: string }).message).toBe('from now on')
  })

  test('is filtered by app, environment, kind and who', async () => {
    const after = await newestPosition()
    await note('other app', { app: 'reports', environment: 'stage', kind: 'rollout.live' })
    await note('other environment', { app: 'shop', environment: 'prod', kind: 'rollout.live' })
    await note('other person', { app: 'shop', environment: 'stage', kind: 'rollout.live', by: 'bob' })
    await note('other kind', { app: 'shop', environment: 'stage', kind: 'rollouts.live' })
    await note('match', { app: 'shop', environment: 'stage', kind: 'rollout.failed' })
    const filter = { app: 'shop', environment: 'stage', kind: 'rollout', by: 'ada' }
    expect(await follow(1, { after, ...filter })).toEqual(['match'])
    const listed = await server.client.events.list({ ...filter, limit: 10 })
    expect(listed.map((event) => event.message)).toEqual(['match'])
    const exact = await server.client.events.list({ kind: 'rollouts.live', limit: 10 })
    expect(exact.map((event) => event.message)).toEqual(['other kind'])
  })

  test('is read page by page, newest first', async () => {
    for (const message of ['page 1', 'page 2', 'page 3']) await note(message)
    const first = await server.client.events.list({ limit: 2 })
    const second = await server.client.events.list({ limit: 1, before: first[1]!.position })
    expect([...first, ...second].map((event) => event.message)).toEqual(['page 3', 'page 2', 'page 1'])
  })

  test('is read from a position on, newest first', async () => {
    for (const message of ['after 1', 'after 2', 'after 3']) await note(message)
    const third = (await server.client.events.list({ limit: 3 })).at(-1)!
    const next = await server.client.events.list({ limit: 1, after: third.position })
    expect(next.map(({ message }) => message)).toEqual(['after 2'])
    const all = await server.client.events.list({ limit: 10, after: third.position })
    expect(all.map(({ message }) => message)).toEqual(['after 3', 'after 2'])
  })

  test('is read by what belongs together', async () => {
    for (const kind of [
      'config.changed',
      'config.revealed',
      'maintenance.begun',
      'rollout.started',
      'token.added',
    ])
      await note(kind, { kind, app: 'topical' })
    const messages = async (topic: 'customers' | 'deliveries') =>
      (await server.client.events.list({ topic, app: 'topical' })).map(({ message }) => message)
    expect(await messages('customers')).toEqual(['maintenance.begun', 'config.changed'])
    expect(await messages('deliveries')).toEqual(['rollout.started'])
    const both = await server.client.events.list({ topic: 'customers', kind: 'config', app: 'topical' })
    expect(both.map(({ message }) => message)).toEqual(['config.changed'])
  })

  test('is read between two times, the first of which belongs to it', async () => {
    await note('at noon')
    await note('at one')
    const newest = await server.client.events.list({ limit: 2 })
    const times = ['2030-01-01T12:00:00.000Z', '2030-01-01T13:00:00.000Z']
    for (const [index, { position }] of newest.reverse().entries())
      await database.db
        .updateTable('events')
        .set({ at: new Date(times[index]!) })
        .where('position', '=', position)
        .execute()
    const [noon, one] = times as [string, string]
    const messages = async (filter: Parameters<TestServer['client']['events']['list']>[0]) =>
      (await server.client.events.list(filter)).map(({ message }) => message)
    expect(await messages({ since: noon })).toEqual(['at one', 'at noon'])
    expect(await messages({ since: noon, until: one })).toEqual(['at noon'])
    await expect(server.client.events.list({ since: 'yesterday' })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    })
  })

  test('refuses a Last-Event-ID that is no position', async () => {
    const stream = await server.client.events.follow({}, { lastEventId: 'nonsense' })
    await expect(stream.next()).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })
})
