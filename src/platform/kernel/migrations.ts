/** Forward-only changes of the database, each applied once, in order, in a transaction of its own. */
import { sql } from 'kysely'
import { TowError } from '../../api/errors.ts'
import type { Queries } from './database.ts'

export interface Migration {
  /** `001-releases/create`: never renamed once it has been published. */
  name: string
  sql: string
}

export const kernelMigrations: Migration[] = [
  {
    name: 'kernel/001-timeline',
    sql: `
      create sequence event_positions;
      create table events (
        position bigint primary key,
        at timestamptz not null,
        kind text not null,
        by text not null,
        app text, environment text, release integer,
        message text not null,
        facts jsonb not null
      );
      create index events_by_app on events (app, environment, position);
      create table idempotency (
        principal text not null, key text not null,
        operation text not null, request text not null, answer jsonb not null, at timestamptz not null,
        primary key (principal, key)
      );
      create index idempotency_by_age on idempotency (at);
    `,
  },
  { name: 'kernel/002-timeline-by-time', sql: 'create index events_by_time on events (at, position);' },
]

const MIGRATIONS_LOCK = 0x6d_69_67_72

/** Applies what is missing; refuses a database with changes that are unknown here. Two platforms that start at once take turns. Answers with the names it applied. */
export async function migrate(db: Queries, migrations: readonly Migration[]): Promise<string[]> {
  return db.connection().execute(async (connection) => {
    await sql`select pg_advisory_lock(${MIGRATIONS_LOCK})`.execute(connection)
    try {
      await sql`create table if not exists migrations (name text primary key, applied_at timestamptz not null)`.execute(
        connection,
      )
      const done = new Set(
        (await connection.selectFrom('migrations').select('name').execute()).map((row) => row.name),
      )
      const unknown = [...done].filter((name) => !migrations.some((migration) => migration.name === name))
      if (unknown.length > 0) throw newerDatabase(unknown)
      const missing = migrations.filter((migration) => !done.has(migration.name))
      for (const migration of missing) {
        await connection.transaction().execute(async (transaction) => {
          await sql.raw(migration.sql).execute(transaction)
          await transaction
            .insertInto('migrations')
            .values({ name: migration.name, applied_at: new Date() })
            .execute()
        })
      }
      return missing.map((migration) => migration.name)
    } finally {
      await sql`select pg_advisory_unlock(${MIGRATIONS_LOCK})`.execute(connection)
    }
  })
}

export function newerDatabase(unknown: readonly string[]): TowError {
  return new TowError(
    'REFUSED',
    `the database was written by a newer Towpath: this version does not know ${unknown.slice(0, 3).join(', ')}`,
    { hint: 'install the version of Towpath that wrote it, or a newer one' },
  )
}
