import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export const migrations: Migration[] = [
  {
    name: 'apps/001-create',
    sql: `create table apps (name text primary key, owner text, created_at timestamptz not null);`,
  },
]

export interface AppRow {
  name: string
  owner: string | null
  created_at: Date
}

const tables = (db: Queries | Within) => (db as Queries).withTables<{ apps: AppRow }>()

export async function listApps(db: Queries | Within): Promise<AppRow[]> {
  return tables(db).selectFrom('apps').selectAll().orderBy('name').execute()
}

export async function findApp(db: Queries | Within, name: string): Promise<AppRow | null> {
  return (await tables(db).selectFrom('apps').selectAll().where('name', '=', name).executeTakeFirst()) ?? null
}

/** True where the app is new. */
export async function insertApp(db: Within, row: AppRow): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tables(db)
    .insertInto('apps')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 1n
}

export async function updateOwner(db: Within, name: string, owner: string): Promise<void> {
  await tables(db).updateTable('apps').set({ owner }).where('name', '=', name).execute()
}

export async function deleteApp(db: Within, name: string): Promise<boolean> {
  const { numDeletedRows } = await tables(db).deleteFrom('apps').where('name', '=', name).executeTakeFirst()
  return numDeletedRows === 1n
}
