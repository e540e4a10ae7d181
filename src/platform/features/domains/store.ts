import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export interface DomainRow {
  host: string
  app: string
  environment: string
  certificate: string | null
  created_at: Date
  created_by: string
  /** The end of the certificate that was warned of; null where none was. */
  warned_of: Date | null
}

type Tables = { domains: DomainRow }

export const migrations: Migration[] = [
  {
    name: 'domains/001-create',
    sql: `
      create table domains (
        host text primary key,
        app text not null,
        environment text not null,
        certificate text,
        created_at timestamptz not null,
        created_by text not null,
        warned_of timestamptz
      );
      create index domains_by_app on domains (app, environment);
    `,
  },
]

const tables = (db: Queries | Within) => db.withTables<Tables>()

export interface Filter {
  app?: string | undefined
  environment?: string | undefined
}

export async function listDomains(db: Queries | Within, { app, environment }: Filter): Promise<DomainRow[]> {
  let query = tables(db).selectFrom('domains').selectAll().orderBy('host')
  if (app !== undefined) query = query.where('app', '=', app)
  if (environment !== undefined) query = query.where('environment', '=', environment)
  return query.execute()
}

/** Null where the name was free and is the row's now; else the row that has it. */
export async function claimDomain(db: Within, row: DomainRow): Promise<DomainRow | null> {
  const { numInsertedOrUpdatedRows } = await tables(db)
    .insertInto('domains')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  if (numInsertedOrUpdatedRows === 1n) return null
  return tables(db)
    .selectFrom('domains')
    .selectAll()
    .where('host', '=', row.host)
    .forUpdate()
    .executeTakeFirstOrThrow()
}

export async function setCertificate(db: Within, host: string, certificate: string | null): Promise<void> {
  await tables(db)
    .updateTable('domains')
    .set({ certificate, warned_of: null })
    .where('host', '=', host)
    .execute()
}

/** Answers whether that changed anything. */
export async function setWarned(db: Within, host: string, end: Date | null): Promise<boolean> {
  const { numUpdatedRows } = await tables(db)
    .updateTable('domains')
    .set({ warned_of: end })
    .where('host', '=', host)
    .where('warned_of', 'is distinct from', end)
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

export async function deleteDomain(
  db: Within,
  { host, app, environment }: Pick<DomainRow, 'host' | 'app' | 'environment'>,
): Promise<DomainRow | null> {
  const row = await tables(db)
    .deleteFrom('domains')
    .where('host', '=', host)
    .where('app', '=', app)
    .where('environment', '=', environment)
    .returningAll()
    .executeTakeFirst()
  return row ?? null
}
