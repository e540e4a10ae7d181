import { sql } from 'kysely'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export interface EnvironmentRow {
  name: string
  engine: string
  position: number
  created_at: Date
}

type Tables = { environments: EnvironmentRow }

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
]

const tables = (db: Queries | Within) => db.withTables<Tables>()

/** Two people who change the order take turns; readers don't wait. */
export async function lockOrder(db: Within): Promise<void> {
  await sql`lock table environments in share row exclusive mode`.execute(db)
}

export async function listEnvironments(db: Queries | Within): Promise<EnvironmentRow[]> {
  return tables(db).selectFrom('environments').selectAll().orderBy('position').execute()
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

export async function removeAndCloseUp(db: Within, name: string, position: number): Promise<void> {
  await tables(db).deleteFrom('environments').where('name', '=', name).execute()
  await tables(db)
    .updateTable('environments')
    .set((expression) => ({ position: expression('position', '-', 1) }))
    .where('position', '>', position)
    .execute()
}
