import { expect, test } from 'vitest'
import { openTestDatabase } from './database.ts'

test('a test file gets a database of its own with the migrations applied', async () => {
  const migration = { name: 'things/001-create', sql: 'create table things (name text primary key)' }
  const first = await openTestDatabase([migration])
  const second = await openTestDatabase([migration])
  try {
    const one = first.db.withTables<{ things: { name: string } }>()
    const two = second.db.withTables<{ things: { name: string } }>()
    await one.insertInto('things').values({ name: 'boat' }).execute()
    expect(await two.selectFrom('things').selectAll().execute()).toEqual([])
    await first.database.change({ name: 'ada' }, async (change) =>
      change.event({ kind: 'thing.made', message: 'Made a thing' }),
    )
    expect(await first.db.selectFrom('events').select(['position', 'by']).execute()).toEqual([
      { position: 1, by: 'ada' },
    ])
  } finally {
    await first.close()
    await second.close()
  }
})
