/** Rows of principals with their roles, and of teams with their members. */
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
export const toColumn = ({ role, environment }: Grant) => ({ role, environment: environment ?? EVERYWHERE })
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

export async function deletePrincipal(db: Within, name: string): Promise<void> {
  await tables(db).deleteFrom('principals').where('name', '=', name).execute()
}

export async function rolesOf(db: Queries | Within, principal: string): Promise<Grant[]> {
  const query = tables(db).selectFrom('principal_roles').select(['role', 'environment'])
  return (await query.where('principal', '=', principal).execute()).map(toGrant)
}

export async function teamsOf(db: Queries | Within, principal: string): Promise<string[]> {
  const query = tables(db).selectFrom('team_members').select('team').where('principal', '=', principal)
  return (await query.orderBy('team').execute()).map(({ team }) => team)
}

/** Everybody with roles and teams, by name. */
export async function listPrincipals(
  db: Queries | Within,
): Promise<(PrincipalRow & { roles: Grant[]; teams: string[] })[]> {
  const [rows, roles, members] = await Promise.all([
    tables(db).selectFrom('principals').selectAll().orderBy('name').execute(),
    tables(db).selectFrom('principal_roles').selectAll().orderBy('environment').orderBy('role').execute(),
    tables(db).selectFrom('team_members').selectAll().orderBy('team').execute(),
  ])
  return rows.map((row) => ({
    ...row,
    roles: roles.filter(({ principal }) => principal === row.name).map(toGrant),
    teams: members.filter(({ principal }) => principal === row.name).map(({ team }) => team),
  }))
}

export async function insertRoles(db: Within, principal: string, grants: readonly Grant[]): Promise<void> {
  if (grants.length === 0) return
  await tables(db)
    .insertInto('principal_roles')
    .values(grants.map((grant) => ({ principal, ...toColumn(grant) })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

export async function deleteRoles(db: Within, principal: string, grants: readonly Grant[]): Promise<void> {
  for (const { role, environment } of grants.map(toColumn)) {
    await tables(db)
      .deleteFrom('principal_roles')
      .where('principal', '=', principal)
      .where('role', '=', role)
      .where('environment', '=', environment)
      .execute()
  }
}

/** Roles of people and of tokens: none of them may come back with a new environment of that name. */
export async function deleteRolesIn(db: Within, environment: string): Promise<void> {
  await tables(db).deleteFrom('principal_roles').where('environment', '=', environment).execute()
  await tables(db).deleteFrom('token_roles').where('environment', '=', environment).execute()
}

export async function listTeams(
  db: Queries | Within,
): Promise<{ name: string; members: string[]; created_at: Date }[]> {
  const [rows, members] = await Promise.all([
    tables(db).selectFrom('teams').selectAll().orderBy('name').execute(),
    tables(db).selectFrom('team_members').selectAll().orderBy('principal').execute(),
  ])
  return rows.map(({ name, created_at }) => ({
    name,
    created_at,
    members: members.filter(({ team }) => team === name).map(({ principal }) => principal),
  }))
}

/** False where there is one of that name. */
export async function insertTeam(db: Within, name: string, by: string, at: Date): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tables(db)
    .insertInto('teams')
    .values({ name, created_at: at, created_by: by })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 1n
}

/** Locked until the change ends, so that nobody gives it an app while it goes. */
export async function lockTeam(db: Within, name: string): Promise<boolean> {
  const query = tables(db).selectFrom('teams').select('name').where('name', '=', name).forUpdate()
  return (await query.executeTakeFirst()) !== undefined
}

export async function deleteTeam(db: Within, name: string): Promise<void> {
  await tables(db).deleteFrom('teams').where('name', '=', name).execute()
}

/** False where they were in it. */
export async function insertMember(db: Within, team: string, principal: string): Promise<boolean> {
  const { numInsertedOrUpdatedRows } = await tables(db)
    .insertInto('team_members')
    .values({ team, principal })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst()
  return numInsertedOrUpdatedRows === 1n
}

/** False where they were not in it. */
export async function deleteMember(db: Within, team: string, principal: string): Promise<boolean> {
  const { numDeletedRows } = await tables(db)
    .deleteFrom('team_members')
    .where('team', '=', team)
    .where('principal', '=', principal)
    .executeTakeFirst()
  return numDeletedRows === 1n
}
