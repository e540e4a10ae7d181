import { sql } from 'kysely'
import type { Settings } from '../../../engines/engine.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export interface EnvironmentRow {
  name: string
  engine: string
  position: number
  created_at: Date
  settings: Settings
}

type Tables = { environments: EnvironmentRow; platform_identity: { id: string } }

export const migrations: Migration[] = [
  {
    name: 'environments/001-create',
    sql: `
      create table environments (
        name text primary key,
        engine text not null,
        position integer not null unique deferrable initially deferred,
        created_at timestamptz not null
      );
      insert into environments values ('stage', 'local', 0, now()), ('prod', 'local', 1, now());
    `,
  },
  {
    name: 'environments/002-settings',
    sql: `
      alter table environments add column settings jsonb not null default '{}';
      create table platform_identity (id text not null);
      insert into platform_identity values (substr(replace(gen_random_uuid()::text, '-', ''), 1, 12));
    `,
  },
]

const tables = (db: Queries | Within) => db.withTables<Tables>()

/** Two people who change the order take turns; readers don't wait. */
export async function lockOrder(db: Within): Promise<void> {
  await sql`lock table environments in share row exclusive mode`.execute(db)
}

export async function listEnvironments(db: Queries | Within): Promise<EnvironmentRow[]> {
  return tables(db).selectFrom('environments').selectAll().orderBy('position').execute()
}

/** By which engines know what this platform made; it goes into a backup with all else. */
export async function platformId(db: Queries | Within): Promise<string> {
  return (await tables(db).selectFrom('platform_identity').select('id').executeTakeFirstOrThrow()).id
}

/** Whatever stands at that place, and all after it, moves up by one. */
export async function insertAt(db: Within, row: EnvironmentRow): Promise<void> {
  await tables(db)
    .updateTable('environments')
    .set((expression) => ({ position: expression('position', '+', 1) }))
    .where('position', '>=', row.position)
    .execute()
  await tables(db).insertInto('environments').values(row).execute()
}

export async function putSettings(db: Within, name: string, settings: Settings): Promise<void> {
  await tables(db).updateTable('environments').set({ settings }).where('name', '=', name).execute()
}

export async function removeAndCloseUp(db: Within, name: string, position: number): Promise<void> {
  await tables(db).deleteFrom('environments').where('name', '=', name).execute()
  await tables(db)
    .updateTable('environments')
    .set((expression) => ({ position: expression('position', '-', 1) }))
    .where('position', '>', position)
    .execute()
}
