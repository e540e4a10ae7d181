import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { openTestDatabase } from '../../../test/database.ts'
import { toTowError } from './http/failure.ts'

test('a connection that breaks between two questions of a change fails that change, and nothing else', async () => {
  const { database, db, close } = await openTestDatabase()
  try {
    const change = database.change({ name: 'ada' }, async ({ db: within }) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(within)
      await sql`select pg_terminate_backend(${rows[0]!.pid}, 5000)`.execute(db)
      // What the server says at its end arrives while nobody asks anything.
      await new Promise((resolve) => setTimeout(resolve, 50))
      await sql`select 1`.execute(within)
    })
    const failure = await change.catch((error: unknown) => toTowError(error, 'q_1'))
    expect(failure).toMatchObject({
      code: 'UNAVAILABLE',
      message: 'the database is not there at the moment',
    })
    expect(await database.change({ name: 'ada' }, async () => 'done')).toBe('done')
  } finally {
    await close()
  }
})
