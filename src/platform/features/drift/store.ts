import { sql } from 'kysely'
import type { Difference } from '../../../api/processes.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

/** What the last look at an app in an environment has found. */
export interface DriftRow {
  app: string
  environment: string
  differences: Difference[]
  /** Since when it is known that something differs. */
  since: Date | null
  looked_at: Date
  /** What was asked for when it was looked at. */
  generation: number
}

type Tables = { drift: DriftRow }

export const migrations: Migration[] = [
  {
    name: 'drift/001-create',
    sql: `
      create table drift (
        app text not null,
        environment text not null,
        differences jsonb not null,
        since timestamptz,
        looked_at timestamptz not null,
        generation bigint not null,
        primary key (app, environment)
      );
    `,
  },
]

const tables = (db: Queries | Within) => db.withTables<Tables>()

export async function listDrift(
  db: Queries | Within,
  { app, environment }: { app?: string; environment?: string } = {},
): Promise<DriftRow[]> {
  let query = tables(db).selectFrom('drift').selectAll().orderBy('environment').orderBy('app')
  if (app !== undefined) query = query.where('app', '=', app)
  if (environment !== undefined) query = query.where('environment', '=', environment)
  return query.execute()
}

export async function putDrift(db: Within, row: DriftRow): Promise<void> {
  const { app, environment, ...rest } = row
  const set = { ...rest, differences: sql<Difference[]>`${JSON.stringify(row.differences)}::jsonb` }
  await tables(db)
    .insertInto('drift')
    .values({ app, environment, ...set })
    .onConflict((conflict) => conflict.columns(['app', 'environment']).doUpdateSet(set))
    .execute()
}

export async function deleteDrift(
  db: Within,
  { app, environment }: Pick<DriftRow, 'app' | 'environment'>,
): Promise<void> {
  await tables(db).deleteFrom('drift').where('app', '=', app).where('environment', '=', environment).execute()
}
