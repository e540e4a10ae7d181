import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export const migrations: Migration[] = [
  {
    name: 'apps/001-create',
    sql: `create table apps (name text primary key, owner text, created_at timestamptz not null);`,
  },
  {
    // Whose an app was that is gone: its databases may be there still.
    name: 'apps/002-former-owners',
    sql: `create table former_owners (app text primary key, owner text not null);`,
  },
]

export interface AppRow {
  name: string
  owner: string | null
  created_at: Date
}

const tables = (db: Queries | Within) =>
  (db as Queries).withTables<{ apps: AppRow; former_owners: { app: string; owner: string } }>()

export async function listApps(db: Queries | Within): Promise<AppRow[]> {
  return tables(db).selectFrom('apps').selectAll().orderBy('name').execute()
}

export async function findApp(db: Queries | Within, name: string): Promise<AppRow | null> {
  return (await tables(db).selectFrom('apps').selectAll().where('name', '=', name).executeTakeFirst()) ?? null
}

/** The same, locked until the change ends. */
export async function lockApp(db: Within, name: string): Promise<AppRow | null> {
  const query = tables(db).selectFrom('apps').selectAll().where('name', '=', name).forUpdate()
  return (await query.executeTakeFirst()) ?? null
}

export async function findFormerOwner(db: Queries | Within, app: string): Promise<string | null> {
  const query = tables(db).selectFrom('former_owners').select('owner').where('app', '=', app)
  return (await query.executeTakeFirst())?.owner ?? null
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

export async function updateOwner(db: Within, name: string, owner: string | null): Promise<void> {
  await tables(db).updateTable('apps').set({ owner }).where('name', '=', name).execute()
}

/** Whose it was is kept. */
export async function deleteApp(db: Within, { name: app, owner }: AppRow): Promise<void> {
  await tables(db).deleteFrom('apps').where('name', '=', app).execute()
  await tables(db).deleteFrom('former_owners').where('app', '=', app).execute()
  if (owner !== null) await tables(db).insertInto('former_owners').values({ app, owner }).execute()
}
