import { sql } from 'kysely'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export interface DrainRow {
  id: string
  environment: string
  kind: 'otlp' | 'syslog'
  /** Without credentials; those are in the vault. */
  url: string
  headers: string[]
  created_at: Date
  created_by: string
  /** Set once it has failed for so long that it was told. */
  failing_since: Date | null
}

/** How far an app's lines were taken, in the same transaction as the counts. */
export interface PositionRow {
  drain: string
  /** Of a copy in a space `<app>--<space>`; empty for the counts of copies that are gone. */
  app: string
  position: string
  sent: number
  missing: number
  refused: number
  at: Date
}

type Tables = { drains: DrainRow; drain_positions: PositionRow }

export const migrations: Migration[] = [
  {
    name: 'drains/001-create',
    sql: `
      create table drains (
        id text primary key,
        environment text not null,
        kind text not null,
        url text not null,
        headers text[] not null,
        created_at timestamptz not null,
        created_by text not null,
        failing_since timestamptz
      );
      create index drains_by_environment on drains (environment);
      create table drain_positions (
        drain text not null references drains on delete cascade,
        app text not null,
        position text not null,
        sent bigint not null,
        missing bigint not null,
        refused bigint not null,
        at timestamptz not null,
        primary key (drain, app)
      );
    `,
  },
]

const tables = (db: Queries | Within) => db.withTables<Tables>()

export async function listDrains(db: Queries | Within, environment?: string): Promise<DrainRow[]> {
  let query = tables(db).selectFrom('drains').selectAll().orderBy('created_at').orderBy('id')
  if (environment !== undefined) query = query.where('environment', '=', environment)
  return query.execute()
}

/** Two people who add at once take turns. */
export async function lockDrains(db: Within, environment: string): Promise<DrainRow[]> {
  await sql`lock table drains in share row exclusive mode`.execute(db)
  return listDrains(db, environment)
}

export async function insertDrain(db: Within, row: DrainRow): Promise<void> {
  await tables(db).insertInto('drains').values(row).execute()
}

export async function deleteDrain(db: Within, id: string): Promise<void> {
  await tables(db).deleteFrom('drains').where('id', '=', id).execute()
}

/** Answers whether that changed anything. */
export async function setFailing(db: Within, id: string, since: Date | null): Promise<boolean> {
  const { numUpdatedRows } = await tables(db)
    .updateTable('drains')
    .set({ failing_since: since })
    .where('id', '=', id)
    .where('failing_since', since === null ? 'is not' : 'is', null)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export async function listPositions(db: Queries | Within): Promise<PositionRow[]> {
  return tables(db).selectFrom('drain_positions').selectAll().execute()
}

export async function findPosition(db: Queries, drain: string, app: string): Promise<string | null> {
  const row = await tables(db)
    .selectFrom('drain_positions')
    .select('position')
    .where('drain', '=', drain)
    .where('app', '=', app)
    .executeTakeFirst()
  return row?.position ?? null
}

/** Adds the counts; does nothing where the drain is gone. */
export async function movePosition(db: Within, row: PositionRow): Promise<void> {
  const there = await tables(db)
    .selectFrom('drains')
    .select('id')
    .where('id', '=', row.drain)
    .forShare()
    .execute()
  if (there.length === 0) return
  await tables(db)
    .insertInto('drain_positions')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['drain', 'app']).doUpdateSet((expression) => ({
        position: row.position,
        at: row.at,
        sent: expression('drain_positions.sent', '+', row.sent),
        missing: expression('drain_positions.missing', '+', row.missing),
        refused: expression('drain_positions.refused', '+', row.refused),
      })),
    )
    .execute()
}

/** What was counted of a copy that is gone stays counted; how far it came does not. */
export async function foldPosition(db: Within, drain: string, app: string): Promise<void> {
  const row = await tables(db)
    .deleteFrom('drain_positions')
    .where('drain', '=', drain)
    .where('app', '=', app)
    .returningAll()
    .executeTakeFirst()
  if (row) await movePosition(db, { ...row, app: '', position: '' })
}
