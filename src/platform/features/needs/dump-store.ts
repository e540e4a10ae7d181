import type { Dump } from '../../../api/dumps.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export interface DumpRow extends Omit<Dump, 'at'> {
  /** Names the file; never used again. */
  id: string
  at: Date
}

type Tables = { dumps: DumpRow }

export const dumpMigration: Migration = {
  name: 'needs/004-dumps',
  sql: `
    create table dumps (
      name text primary key,
      id text not null unique,
      app text not null,
      environment text not null,
      state text not null check (state in ('taking', 'ready', 'failed')),
      problem text,
      bytes bigint not null,
      by text not null,
      at timestamptz not null
    );
  `,
}

const tables = (db: Queries | Within) => db.withTables<Tables>()

export function listDumps(db: Queries | Within): Promise<DumpRow[]> {
  return tables(db).selectFrom('dumps').selectAll().orderBy('name').execute()
}

export async function findDump(db: Queries | Within, name: string): Promise<DumpRow | null> {
  return (
    (await tables(db).selectFrom('dumps').selectAll().where('name', '=', name).executeTakeFirst()) ?? null
  )
}

/** False where the name is taken. */
export async function insertDump(db: Within, row: DumpRow): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tables(db)
    .insertInto('dumps')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 1n
}

export async function updateDump(db: Within, { id }: DumpRow, set: Partial<DumpRow>): Promise<boolean> {
  const { numUpdatedRows } = await tables(db)
    .updateTable('dumps')
    .set(set)
    .where('id', '=', id)
    .executeTakeFirst()
  return numUpdatedRows === 1n
}

export async function deleteDump(db: Within, { id }: DumpRow): Promise<void> {
  await tables(db).deleteFrom('dumps').where('id', '=', id).execute()
}
