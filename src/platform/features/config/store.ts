/** Every value ever set is a row that stays as it is; releases pin versions of secrets. */
import { sql } from 'kysely'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export type ValueSource = 'set' | 'generated' | 'default'

export interface VersionRow {
  app: string
  environment: string
  key: string
  /** Counts on for ever, also when a key is unset and set again. */
  version: number
  kind: 'plain' | 'secret' | 'unset'
  source: ValueSource
  /** Of a plain value; a secret's is in `sealed`. */
  value: string | null
  by: string
  at: Date
}

type Tables = { config_versions: VersionRow }

export const configMigration: Migration = {
  name: 'config/001-versions',
  sql: `
    create table config_versions (
      app text not null,
      environment text not null,
      key text not null,
      version integer not null,
      kind text not null check (kind in ('plain', 'secret', 'unset')),
      source text not null,
      value text check ((kind = 'plain') = (value is not null)),
      by text not null,
      at timestamptz not null,
      primary key (app, environment, key, version)
    );
    create function refuse_config_changes() returns trigger language plpgsql as $$
      begin raise exception 'a version of config never changes'; end $$;
    create trigger config_versions_stay before update or delete on config_versions
      for each row execute function refuse_config_changes();
  `,
}

const tables = (db: Queries | Within) => db.withTables<Tables>()

/** Two changes of the same app's config take turns until the first is committed. */
export async function lockConfig(db: Within, app: string, environment: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`config ${app} ${environment}`}, 0))`.execute(db)
}

/** The newest version of every key that was ever set, by key; `unset` ones included. */
export async function latestVersions(
  db: Queries | Within,
  app: string,
  environment: string,
): Promise<Map<string, VersionRow>> {
  const rows = await tables(db)
    .selectFrom('config_versions')
    .selectAll()
    .distinctOn('key')
    .where('app', '=', app)
    .where('environment', '=', environment)
    .orderBy('key')
    .orderBy('version', 'desc')
    .execute()
  return new Map(rows.map((row) => [row.key, row]))
}

/** Keys that once held a secret. */
export async function onceSecret(db: Within, app: string, environment: string): Promise<Set<string>> {
  const rows = await tables(db)
    .selectFrom('config_versions')
    .select('key')
    .distinct()
    .where('app', '=', app)
    .where('environment', '=', environment)
    .where('kind', '=', 'secret')
    .execute()
  return new Set(rows.map((row) => row.key))
}

export async function appendVersions(db: Within, rows: VersionRow[]): Promise<void> {
  if (rows.length > 0) await tables(db).insertInto('config_versions').values(rows).execute()
}

/** Pairs of app and environment that have values now, narrowed down to an app or an environment. */
export async function configuredPairs(
  db: Queries | Within,
  only: { app?: string; environment?: string },
): Promise<{ app: string; environment: string }[]> {
  let query = tables(db).selectFrom('config_versions').select(['app', 'environment']).distinct()
  if (only.app !== undefined) query = query.where('app', '=', only.app)
  if (only.environment !== undefined) query = query.where('environment', '=', only.environment)
  return query.orderBy('app').orderBy('environment').execute()
}
