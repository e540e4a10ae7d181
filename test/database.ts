/** A database of its own for a test file: a copy of a template that has the migrations. */
import { createHash, randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { type Database, openDatabase, type Queries } from '../src/platform/kernel/database.ts'
import { kernelMigrations, type Migration, migrate } from '../src/platform/kernel/migrations.ts'

export interface TestDatabase {
  database: Database
  db: Queries
  /** For a second connection, e.g. a platform started in a test. */
  connection: pg.PoolConfig
  url: string
  close(): Promise<void>
}

/**
 * An empty database with the kernel's migrations and these; closing drops it. `now` holds the clock of events still.
 */
export async function openTestDatabase(
  migrations: readonly Migration[] = [],
  options: { now?: () => Date } = {},
): Promise<TestDatabase> {
  const server = inject('postgres')
  const all = [...new Set([...kernelMigrations, ...migrations])]
  const template = `template_${createHash('sha256').update(JSON.stringify(all)).digest('hex').slice(0, 24)}`
  const name = `test_${randomBytes(8).toString('hex')}`
  await asAdmin(async (admin) => {
    await admin.query('select pg_advisory_lock(7)')
    await ensureTemplate(admin, template, all)
    await admin.query(`create database ${name} template ${template}`)
  })
  const connection = { ...server, database: name }
  const database = openDatabase({ connection, ...options })
  return {
    database,
    db: database.db,
    connection,
    url: `postgres://${server.user}:${server.password}@/${name}?host=${encodeURIComponent(server.host)}&port=${server.port}`,
    async close() {
      await database.close()
      await asAdmin((admin) => admin.query(`drop database ${name} with (force)`))
    },
  }
}

async function ensureTemplate(admin: pg.Client, template: string, migrations: Migration[]): Promise<void> {
  const { rowCount } = await admin.query('select from pg_database where datname = $1', [template])
  if (rowCount) return
  const making = `${template}_making`
  await admin.query(`drop database if exists ${making} with (force)`)
  await admin.query(`create database ${making}`)
  const database = openDatabase({ connection: { ...inject('postgres'), database: making } })
  try {
    await migrate(database.db, migrations)
  } finally {
    await database.close()
  }
  await admin.query(`alter database ${making} rename to ${template}`)
}

async function asAdmin(work: (admin: pg.Client) => Promise<unknown>): Promise<void> {
  const admin = new pg.Client(inject('postgres'))
  await admin.connect()
  try {
    await work(admin)
  } finally {
    await admin.end()
  }
}
