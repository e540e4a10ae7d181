/** Passwords, codes, sessions, and how often somebody was wrong. Of what lets people in only digests are kept. */
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'
import type { Attempts, LimitKind } from './rules.ts'

export const migrations: Migration[] = [
  {
    // With the person all of it goes, whoever removes them: nothing waits for the next one of that name.
    name: 'sign-in/001-create',
    sql: `
      create table passwords (
        principal text primary key references principals on delete cascade,
        hash text not null,
        changed_at timestamptz not null
      );
      create table sign_in_codes (
        hash bytea primary key check (length(hash) = 32),
        kind text not null check (kind in ('invitation', 'browser')),
        principal text not null references principals on delete cascade,
        expires_at timestamptz not null
      );
      create table sessions (
        hash bytea primary key check (length(hash) = 32),
        principal text not null references principals on delete cascade,
        created_at timestamptz not null,
        expires_at timestamptz not null,
        last_used_at timestamptz not null
      );
      create index sessions_by_principal on sessions (principal);
      create table sign_in_attempts (
        kind text not null,
        slot integer not null,
        failures integer not null,
        last timestamptz not null,
        until timestamptz not null,
        primary key (kind, slot)
      );
    `,
  },
]

export interface SessionRow {
  hash: Buffer
  principal: string
  created_at: Date
  expires_at: Date
  last_used_at: Date
}

export type CodeKind = 'invitation' | 'browser'

type Tables = {
  passwords: { principal: string; hash: string; changed_at: Date }
  sign_in_codes: { hash: Buffer; kind: CodeKind; principal: string; expires_at: Date }
  sessions: SessionRow
  sign_in_attempts: Attempts & { kind: LimitKind; slot: number }
}

const tables = (db: Queries | Within) => (db as Queries).withTables<Tables>()

export async function passwordOf(db: Queries | Within, principal: string): Promise<string | null> {
  const query = tables(db).selectFrom('passwords').select('hash').where('principal', '=', principal)
  return (await query.executeTakeFirst())?.hash ?? null
}

export async function setPassword(db: Within, principal: string, hash: string, at: Date): Promise<void> {
  await tables(db)
    .insertInto('passwords')
    .values({ principal, hash, changed_at: at })
    .onConflict((conflict) => conflict.column('principal').doUpdateSet({ hash, changed_at: at }))
    .execute()
}

export async function insertCode(db: Within, code: Tables['sign_in_codes']): Promise<void> {
  await tables(db).insertInto('sign_in_codes').values(code).execute()
}

/** Whose code it was; null where there is none like it any more. Whoever comes second finds nothing. */
export async function spendCode(db: Within, hash: Buffer, kind: CodeKind, now: Date): Promise<string | null> {
  const query = tables(db).deleteFrom('sign_in_codes').where('hash', '=', hash).where('kind', '=', kind)
  const row = await query.returning(['principal', 'expires_at']).executeTakeFirst()
  return row && row.expires_at > now ? row.principal : null
}

export async function deleteCodes(db: Within, principal: string, kind?: CodeKind): Promise<void> {
  let query = tables(db).deleteFrom('sign_in_codes').where('principal', '=', principal)
  if (kind) query = query.where('kind', '=', kind)
  await query.execute()
}

export async function insertSession(db: Within, session: SessionRow): Promise<void> {
  await tables(db).insertInto('sessions').values(session).execute()
}

export async function findSession(db: Queries, hash: Buffer): Promise<SessionRow | null> {
  const query = tables(db).selectFrom('sessions').selectAll().where('hash', '=', hash)
  return (await query.executeTakeFirst()) ?? null
}

/** A note, not a change: it has no event. */
export async function noteSession(db: Queries, hash: Buffer, at: Date): Promise<void> {
  await tables(db).updateTable('sessions').set({ last_used_at: at }).where('hash', '=', hash).execute()
}

/** Answers with whose it was. */
export async function deleteSession(db: Within, hash: Buffer): Promise<string | null> {
  const query = tables(db).deleteFrom('sessions').where('hash', '=', hash).returning('principal')
  return (await query.executeTakeFirst())?.principal ?? null
}

export async function deleteSessions(db: Within, principal: string): Promise<void> {
  await tables(db).deleteFrom('sessions').where('principal', '=', principal).execute()
}

export async function deleteExpired(db: Queries, now: Date): Promise<void> {
  await tables(db).deleteFrom('sessions').where('expires_at', '<', now).execute()
  await tables(db).deleteFrom('sign_in_codes').where('expires_at', '<', now).execute()
}

/** The attempts of a slot, replaced by what `next` makes of them; nobody else looks at them in between. */
export async function turnAttempts(
  db: Queries,
  kind: LimitKind,
  slot: number,
  next: (before: Attempts | null) => Attempts | null,
): Promise<void> {
  await db.transaction().execute(async (within) => {
    const nothing = { kind, slot, failures: 0, last: new Date(0), until: new Date(0) }
    const all = tables(within)
    await all
      .insertInto('sign_in_attempts')
      .values(nothing)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const row = await all
      .selectFrom('sign_in_attempts')
      .select(['failures', 'last', 'until'])
      .where('kind', '=', kind)
      .where('slot', '=', slot)
      .forUpdate()
      .executeTakeFirstOrThrow()
    const after = next(row.failures === 0 ? null : row)
    if (!after) return
    await all
      .updateTable('sign_in_attempts')
      .set(after)
      .where('kind', '=', kind)
      .where('slot', '=', slot)
      .execute()
  })
}
