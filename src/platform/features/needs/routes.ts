import { nearest } from '../../../api/nearest.ts'
import { operations } from '../../kernel/operations.ts'
import type { createDatabases } from './databases.ts'
import type { DumpRow } from './dump-store.ts'
import type { Dumps } from './dumps.ts'
import type { NeedsOptions } from './index.ts'
import { placeOf, refusals } from './messages.ts'
import { type DatabaseRow, findDatabase, listDatabases, updateDatabase } from './store.ts'

export function needRoutes(
  { database, stillNeedsPostgres }: Pick<NeedsOptions, 'database' | 'stillNeedsPostgres'>,
  databases: ReturnType<typeof createDatabases>,
  dumps: Dumps,
) {
  return {
    needs: {
      list: operations.needs.list.handler(async () =>
        (await listDatabases(database.db)).filter(({ state }) => state !== 'dropping').map(onTheWire),
      ),
      connect: operations.needs.connect.handler(async ({ input: { app, environment, space }, context }) => {
        const of = { app, environment, space }
        const row = await findDatabase(database.db, of)
        if (!row) {
          const others = (await listDatabases(database.db)).filter(
            (known) => known.environment === environment && known.space === (space ?? ''),
          )
          const names = others.map((known) => known.app)
          throw refusals.noDatabase(of, nearest(app, names))
        }
        const url = await databases.url(of)
        // Without the idempotency key: the answer of a change is kept for replays, and this one holds a password.
        await database.change({ name: context.actor.name }, async (change) => {
          const message = `Opened the database ${row.database} of ${app} in ${placeOf(of)}`
          const facts = { database: row.database, ...(space === undefined ? {} : { space }) }
          change.event({ kind: 'need.opened', app, environment, message, facts })
        })
        return { url }
      }),
      remove: operations.needs.remove.handler(async ({ input: { app, environment, confirm }, context }) => {
        const of = { app, environment }
        const answer = await database.change(context.actor, async (change) => {
          const row = await findDatabase(change.db, of)
          if (!row) throw refusals.noDatabase(of, null)
          if (await stillNeedsPostgres(change.db, app, environment))
            throw refusals.stillNeeded(of, row.database)
          if (confirm !== row.database) throw refusals.notConfirmed(of, row.database, confirm)
          if (row.state !== 'dropping') {
            await updateDatabase(change.db, of, { state: 'dropping' })
            const message = `Confirmed that the database ${row.database} of ${app} in ${environment} may go`
            change.event({ kind: 'need.dropping', ...of, message, facts: { database: row.database } })
          }
          return { database: row.database }
        })
        const row = await findDatabase(database.db, of)
        if (row?.state === 'dropping') {
          await databases.finishDropping(row).catch((error) => {
            throw refusals.dropFailed(row.database, error)
          })
        }
        return answer
      }),
    },
    dumps: {
      list: operations.dumps.list.handler(async () => (await dumps.list()).map(dumpOnTheWire)),
      take: operations.dumps.take.handler(({ input, context: { actor } }) =>
        database.change(actor, async (change) => dumpOnTheWire(await dumps.take(change, actor, input))),
      ),
      remove: operations.dumps.remove.handler(({ input, context: { actor } }) =>
        database.change(actor, async (change) => dumpOnTheWire(await dumps.remove(change, input))),
      ),
    },
  }
}

function onTheWire({ app, environment, space, database, role, created_at, state }: DatabaseRow) {
  return {
    ...{ app, environment, space: space || null, kind: 'postgres' as const, database, role },
    ...{ createdAt: created_at.toISOString(), kept: state === 'kept' },
  }
}

export function dumpOnTheWire({ id: _, at, ...row }: DumpRow) {
  return { ...row, at: at.toISOString() }
}
