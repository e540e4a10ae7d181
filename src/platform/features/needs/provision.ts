/** A database and a role in a PostgreSQL server: made, looked at and dropped. Every step may be repeated. */
import pg from 'pg'
import { scramVerifier } from './scram.ts'

export interface Login {
  database: string
  role: string
  password: string
}

/** What is asked of a server, by someone who may make databases. */
export type Ask = (text: string) => Promise<{ rowCount: number | null }>

/** Only a superuser may say so, also of a role that has none of it anyway. */
const POWERLESS = 'nosuperuser nocreatedb nocreaterole noreplication nobypassrls'

/** Taken while databases are made or dropped: two at once get in each other's way. */
const PROVISION_LOCK = 0x6e_65_65_64

export async function withAdmin<T>(adminUrl: string, work: (ask: Ask) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query(`select pg_advisory_lock(${PROVISION_LOCK})`)
    return await work((text) => client.query(text))
  } finally {
    await client.end()
  }
}

/**
 * Makes role and database, or mends them. The role may enter its own database and no other: a database is closed to
 * everyone until that is so. In a server that others share, nothing but them is touched.
 */
export async function provision(
  ask: Ask,
  { database, role, password }: Login,
  isShared = false,
): Promise<void> {
  const name = pg.escapeIdentifier
  const text = pg.escapeLiteral
  if (!isShared) await ask('revoke connect, temporary on database postgres, template1 from public')
  if (!(await ask(`select from pg_roles where rolname = ${text(role)}`)).rowCount) {
    await ask(`create role ${name(role)}`)
  }
  await ask(
    `alter role ${name(role)} login ${isShared ? '' : POWERLESS} password ${text(scramVerifier(password))}`,
  )
  if (!(await ask(`select from pg_database where datname = ${text(database)}`)).rowCount) {
    // A server of someone else's may not let its administrator make a database for a role they are no member of.
    await ask(`grant ${name(role)} to current_user`)
    await ask(`create database ${name(database)} owner ${name(role)} allow_connections false`)
  }
  await ask(`revoke all on database ${name(database)} from public`)
  await ask(`alter database ${name(database)} allow_connections true`)
}

export async function drop(ask: Ask, { database, role }: Omit<Login, 'password'>): Promise<void> {
  await ask(`drop database if exists ${pg.escapeIdentifier(database)} with (force)`)
  await ask(`drop role if exists ${pg.escapeIdentifier(role)}`)
}

/** Whether the app itself gets in: the one proof that nothing is missing. */
export async function canEnter(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch (error) {
    // Wrong password, no such role, no such database, closed database, may not connect.
    if (['28P01', '28000', '3D000', '55000', '42501'].includes((error as { code?: string }).code ?? ''))
      return false
    throw error
  } finally {
    await client.end().catch(() => {})
  }
}
