import { sql } from 'kysely'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export interface DatabaseRow {
  app: string
  environment: string
  /** Of the app's copy in a space over the environment; empty for the environment's own. */
  space: string
  database: string
  role: string
  /** Version of the sealed password. */
  password: number
  created_at: Date
  /** `kept`: its app was removed, the data was not. `dropping`: someone asked for it, and it will be gone. */
  state: 'used' | 'kept' | 'dropping'
  /** What it is filled from before anybody opens it; null: it begins empty. */
  dump: string | null
  filled: boolean
}

/** A server that somebody named for the apps of an environment. */
export interface ServerRow {
  environment: string
  /** With its port, without who and the password. */
  host: string
  created_at: Date
}

type Tables = { needed_databases: DatabaseRow; needed_servers: ServerRow }
/** `space`: of the copy in a space. */
export type OfApp = { app: string; environment: string; space?: string | undefined }

export const migrations: Migration[] = [
  {
    name: 'needs/001-databases',
    sql: `
      create table needed_databases (
        app text not null,
        environment text not null,
        database text not null unique,
        role text not null unique,
        password integer not null,
        created_at timestamptz not null,
        state text not null check (state in ('used', 'kept', 'dropping')),
        primary key (app, environment)
      );
    `,
  },
  {
    name: 'needs/002-servers',
    sql: `
      create table needed_servers (
        environment text primary key,
        host text not null,
        created_at timestamptz not null
      );
    `,
  },
  {
    name: 'needs/003-of-spaces',
    sql: `
      alter table needed_databases
        add column space text not null default '',
        add column dump text,
        add column filled boolean not null default true,
        drop constraint needed_databases_pkey,
        add primary key (app, environment, space);
    `,
  },
]

const tables = (db: Queries | Within) => db.withTables<Tables>()

/** Names are given out one at a time. */
export async function lockNames(db: Within): Promise<void> {
  await sql`lock table needed_databases in share row exclusive mode`.execute(db)
}

export async function listDatabases(db: Queries | Within): Promise<DatabaseRow[]> {
  return tables(db)
    .selectFrom('needed_databases')
    .selectAll()
    .orderBy('app')
    .orderBy('environment')
    .orderBy('space')
    .execute()
}

export async function findDatabase(
  db: Queries | Within,
  { app, environment, space = '' }: OfApp,
): Promise<DatabaseRow | null> {
  const row = await tables(db)
    .selectFrom('needed_databases')
    .selectAll()
    .where('app', '=', app)
    .where('environment', '=', environment)
    .where('space', '=', space)
    .executeTakeFirst()
  return row ?? null
}

export async function insertDatabase(db: Within, row: DatabaseRow): Promise<void> {
  await tables(db).insertInto('needed_databases').values(row).execute()
}

export async function updateDatabase(
  db: Within,
  { app, environment, space = '' }: OfApp,
  set: Partial<Pick<DatabaseRow, 'state' | 'password' | 'filled'>>,
): Promise<void> {
  await tables(db)
    .updateTable('needed_databases')
    .set(set)
    .where('app', '=', app)
    .where('environment', '=', environment)
    .where('space', '=', space)
    .execute()
}

/** Databases that were in use become kept ones; answers with them. Those of spaces go with their spaces. */
export async function keepDatabases(
  db: Within,
  only: { app: string } | { environment: string },
): Promise<DatabaseRow[]> {
  const [column, value] =
    'app' in only ? (['app', only.app] as const) : (['environment', only.environment] as const)
  return tables(db)
    .updateTable('needed_databases')
    .set({ state: 'kept' })
    .where(column, '=', value)
    .where('space', '=', '')
    .where('state', '=', 'used')
    .returningAll()
    .execute()
}

export async function deleteDatabase(db: Within, { app, environment, space = '' }: OfApp): Promise<void> {
  await tables(db)
    .deleteFrom('needed_databases')
    .where('app', '=', app)
    .where('environment', '=', environment)
    .where('space', '=', space)
    .execute()
}

export async function findServer(db: Queries | Within, environment: string): Promise<ServerRow | null> {
  const query = tables(db).selectFrom('needed_servers').selectAll().where('environment', '=', environment)
  return (await query.executeTakeFirst()) ?? null
}

export async function insertServer(db: Within, row: ServerRow): Promise<void> {
  await tables(db).insertInto('needed_servers').values(row).execute()
}

export async function deleteServer(db: Within, environment: string): Promise<void> {
  await tables(db).deleteFrom('needed_servers').where('environment', '=', environment).execute()
}
