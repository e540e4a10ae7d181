import type { Drain } from '../../../api/drains.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database } from '../../kernel/database.ts'
import { operations } from '../../kernel/operations.ts'
import { type DrainRow, listDrains, listPositions, type PositionRow } from './store.ts'

interface RoutesParts {
  database: Database
  clock: Clock
  add: (
    change: Change,
    wanted: {
      environment: string
      url: string
      headers: Record<string, string>
      plain: boolean
      authorities?: string | undefined
    },
    by: string,
  ) => Promise<DrainRow>
  remove: (change: Change, environment: string, id: string) => Promise<DrainRow>
  troubleOf: (id: string) => { since: Date | null; problem: string | null; waitingSince: string | null }
}

export function drainRoutes({ database, clock, add, remove, troubleOf }: RoutesParts) {
  function onTheWire(row: DrainRow, positions: readonly PositionRow[]): Drain {
    const own = positions.filter(({ drain }) => drain === row.id)
    const sum = (key: 'sent' | 'missing' | 'refused') => own.reduce((total, one) => total + one[key], 0)
    const { since, problem, waitingSince } = troubleOf(row.id)
    const waits = waitingSince === null ? 0 : clock.now().getTime() - Date.parse(waitingSince)
    const last = own
      .map(({ at }) => at.toISOString())
      .sort()
      .at(-1)
    return {
      ...{ id: row.id, environment: row.environment, kind: row.kind, url: row.url, headers: row.headers },
      ...{ createdAt: row.created_at.toISOString(), createdBy: row.created_by },
      state: since ? 'failing' : 'sending',
      problem,
      failingSince: since?.toISOString() ?? null,
      behindSeconds: Math.max(0, Math.round(waits / 1000)),
      ...{ sent: sum('sent'), missing: sum('missing'), refused: sum('refused') },
      lastSentAt: last ?? null,
    }
  }

  return {
    drains: {
      list: operations.drains.list.handler(async ({ input }) => {
        const positions = await listPositions(database.db)
        return (await listDrains(database.db, input.environment)).map((row) => onTheWire(row, positions))
      }),
      add: operations.drains.add.handler(({ input, context }) =>
        database.change(context.actor, async (change) =>
          onTheWire(await add(change, input, context.actor.name), []),
        ),
      ),
      remove: operations.drains.remove.handler(({ input: { environment, id }, context }) =>
        database.change(context.actor, async (change) => {
          const { url } = await remove(change, environment, id)
          return { id, url }
        }),
      ),
    },
  }
}
