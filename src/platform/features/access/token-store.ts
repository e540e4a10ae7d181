/** Rows of tokens. All that is kept of a token is its SHA-256. */
import { sql } from 'kysely'
import type { Grant, Role } from '../../../api/roles.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import { type TokenRow, tables, toColumn, toGrant } from './store.ts'

type GrantColumns = { role: Role; environment: string }

export async function insertToken(db: Within, row: TokenRow, grants: readonly Grant[]): Promise<void> {
  await tables(db).insertInto('tokens').values(row).execute()
  if (grants.length === 0) return
  await tables(db)
    .insertInto('token_roles')
    .values(grants.map((grant) => ({ token: row.hash, ...toColumn(grant) })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

const rolesOfToken = sql<GrantColumns[]>`(
  select coalesce(json_agg(json_build_object('role', role, 'environment', environment) order by role), '[]')
  from token_roles where token = tokens.hash)`

/** By age. */
export async function listTokens(
  db: Queries | Within,
  principal: string,
): Promise<(TokenRow & { roles: Grant[] })[]> {
  const rows = await tables(db)
    .selectFrom('tokens')
    .selectAll()
    .select(rolesOfToken.as('given'))
    .where('principal', '=', principal)
    .orderBy('created_at')
    .orderBy('name')
    .execute()
  return rows.map(({ given, ...row }) => ({ ...row, roles: given.map(toGrant) }))
}

/** Names of the tokens that were taken away. */
export async function deleteTokens(db: Within, of: { principal: string; name?: string }): Promise<string[]> {
  let query = tables(db).deleteFrom('tokens').where('principal', '=', of.principal)
  if (of.name !== undefined) query = query.where('name', '=', of.name)
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
      rolesOfToken.as('given'),
      sql<GrantColumns[]>`(
        select coalesce(json_agg(json_build_object('role', role, 'environment', environment)), '[]')
        from principal_roles where principal = tokens.principal)`.as('own'),
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
