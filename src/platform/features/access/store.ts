/** Principals with their roles, teams with their members, tokens. All that is kept of a token is its SHA-256. */
import { sql } from 'kysely'
import type { Grant, Role } from '../../../api/roles.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export const migrations: Migration[] = [
  {
    // An environment of '*' is all of them: no environment can be called that.
    name: 'access/001-principals',
    sql: `
      create table principals (
        name text primary key,
        kind text not null check (kind in ('person', 'machine')),
        created_at timestamptz not null,
        created_by text not null
      );
      create table principal_roles (
        principal text not null references principals on delete cascade,
        role text not null, environment text not null,
        primary key (principal, role, environment)
      );
      create table teams (name text primary key, created_at timestamptz not null, created_by text not null);
      create table team_members (
        team text not null references teams on delete cascade,
        principal text not null references principals on delete cascade,
        primary key (team, principal)
      );
      create index team_members_by_principal on team_members (principal);
      create table tokens (
        hash bytea primary key check (length(hash) = 32),
        principal text not null references principals on delete cascade,
        name text not null,
        signed_in boolean not null,
        narrowed boolean not null,
        created_at timestamptz not null,
        expires_at timestamptz not null,
        last_used_at timestamptz,
        unique (principal, name)
      );
      create table token_roles (
        token bytea not null references tokens on delete cascade,
        role text not null, environment text not null,
        primary key (token, role, environment)
      );
    `,
  },
]

export interface PrincipalRow {
  name: string
  kind: 'person' | 'machine'
  created_at: Date
  created_by: string
}

export interface TokenRow {
  hash: Buffer
  principal: string
  name: string
  /** It came from a sign-in of the person themselves. */
  signed_in: boolean
  /** It has roles of its own; none left means that it may do nothing. */
  narrowed: boolean
  created_at: Date
  expires_at: Date
  last_used_at: Date | null
}

type Tables = {
  principals: PrincipalRow
  principal_roles: { principal: string; role: Role; environment: string }
  teams: { name: string; created_at: Date; created_by: string }
  team_members: { team: string; principal: string }
  tokens: TokenRow
  token_roles: { token: Buffer; role: Role; environment: string }
}

export const tables = (db: Queries | Within) => (db as Queries).withTables<Tables>()

const EVERYWHERE = '*'
const toColumn = ({ role, environment }: Grant) => ({ role, environment: environment ?? EVERYWHERE })
export const toGrant = ({ role, environment }: { role: Role; environment: string }): Grant => ({
  role,
  environment: environment === EVERYWHERE ? null : environment,
})

export async function findPrincipal(db: Queries | Within, name: string): Promise<PrincipalRow | null> {
  const query = tables(db).selectFrom('principals').selectAll().where('name', '=', name)
  return (await query.executeTakeFirst()) ?? null
}

/** False where there is one of that name. */
export async function insertPrincipal(db: Within, row: PrincipalRow): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tables(db)
    .insertInto('principals')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 1n
}

export async function rolesOf(db: Queries | Within, principal: string): Promise<Grant[]> {
  const query = tables(db).selectFrom('principal_roles').select(['role', 'environment'])
  return (await query.where('principal', '=', principal).execute()).map(toGrant)
}

export async function teamsOf(db: Queries | Within, principal: string): Promise<string[]> {
  const query = tables(db).selectFrom('team_members').select('team').where('principal', '=', principal)
  return (await query.orderBy('team').execute()).map(({ team }) => team)
}

export async function insertRoles(db: Within, principal: string, grants: readonly Grant[]): Promise<void> {
  if (grants.length === 0) return
  await tables(db)
    .insertInto('principal_roles')
    .values(grants.map((grant) => ({ principal, ...toColumn(grant) })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function insertToken(db: Within, row: TokenRow, grants: readonly Grant[]): Promise<void> {
  await tables(db).insertInto('tokens').values(row).execute()
  if (grants.length === 0) return
  await tables(db)
    .insertInto('token_roles')
    .values(grants.map((grant) => ({ token: row.hash, ...toColumn(grant) })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Names of the tokens that were taken away. */
export async function deleteTokens(
  db: Within,
  { principal, name }: { principal: string; name?: string },
): Promise<string[]> {
  let query = tables(db).deleteFrom('tokens').where('principal', '=', principal)
  if (name !== undefined) query = query.where('name', '=', name)
  return (await query.returning('name').execute()).map((row) => row.name)
}

/** A token with whoever it belongs to, in one round trip. */
export async function findByToken(db: Queries | Within, hash: Buffer) {
  return tables(db)
    .selectFrom('tokens')
    .innerJoin('principals', 'principals.name', 'tokens.principal')
    .where('tokens.hash', '=', hash)
    .selectAll('tokens')
    .select([
      'principals.kind',
      sql<{ role: Role; environment: string }[]>`(
        select coalesce(json_agg(json_build_object('role', role, 'environment', environment)), '[]')
        from principal_roles where principal = tokens.principal)`.as('own'),
      sql<{ role: Role; environment: string }[]>`(
        select coalesce(json_agg(json_build_object('role', role, 'environment', environment)), '[]')
        from token_roles where token = tokens.hash)`.as('given'),
      sql<string[]>`(
        select coalesce(json_agg(team order by team), '[]')
        from team_members where principal = tokens.principal)`.as('teams'),
    ])
    .executeTakeFirst()
}

/** A note, not a change: it has no event. */
export async function noteUse(db: Queries, hash: Buffer, at: Date): Promise<void> {
  await tables(db).updateTable('tokens').set({ last_used_at: at }).where('hash', '=', hash).execute()
}
