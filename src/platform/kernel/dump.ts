/**
 * The whole database as rows of text in one snapshot, and back. The tables themselves are not kept: the migrations that
 * had been applied make them anew, so a backup can be read by another version of PostgreSQL, and by a newer platform.
 */
import { type ControlledTransaction, sql } from 'kysely'
import { TowError } from '../../api/errors.ts'
import { type BackupFile, type BackupPart, type OpenPart, type RestoringPart, textOf } from './backup.ts'
import type { KernelTables, Queries } from './database.ts'
import { type Migration, newerDatabase } from './migrations.ts'

type Transaction = ControlledTransaction<KernelTables>

interface Schema {
  tables: { name: string; columns: string[] }[]
  sequences: { name: string; value: number; called: boolean }[]
}

const FETCHED_AT_ONCE = 500

/** `migrations`: all that this version of the platform knows, in their order. */
export function databasePart(db: Queries, migrations: readonly Migration[]): BackupPart {
  return {
    name: 'database',
    open: () => openDump(db),
    restore: () => restoreDump(db, migrations),
  }
}

async function openDump(db: Queries): Promise<OpenPart> {
  const transaction = await db
    .startTransaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute()
  try {
    // The first query takes the snapshot that all others see.
    const applied = await transaction
      .selectFrom('migrations')
      .select('name')
      .orderBy('applied_at')
      .orderBy('name')
      .execute()
    const schema = await readSchema(transaction)
    return {
      files: () => dumpFiles(transaction, schema),
      about: () => ({ migrations: applied.map(({ name }) => name) }),
      close: async () => void (await transaction.rollback().execute()),
    }
  } catch (error) {
    await transaction.rollback().execute()
    throw error
  }
}

async function* dumpFiles(transaction: Transaction, schema: Schema): AsyncGenerator<BackupFile> {
  yield { name: 'schema.json', content: [Buffer.from(JSON.stringify(schema))] }
  for (const { name } of schema.tables) yield { name: `rows/${name}`, content: rowsOf(transaction, name) }
}

/** One JSON string per line: the row as PostgreSQL itself writes and reads a row, so no type loses anything. */
async function* rowsOf(transaction: Transaction, table: string): AsyncGenerator<Buffer> {
  await sql`declare dumped no scroll cursor for select dumped_row::text as line from ${sql.table(table)} as dumped_row`.execute(
    transaction,
  )
  for (;;) {
    const { rows } = await sql<{ line: string }>`fetch ${sql.lit(FETCHED_AT_ONCE)} from dumped`.execute(
      transaction,
    )
    if (rows.length === 0) break
    yield Buffer.from(rows.map(({ line }) => `${JSON.stringify(line)}\n`).join(''))
  }
  await sql`close dumped`.execute(transaction)
}

/** Tables in an order in which every row finds the rows that it refers to. */
async function readSchema(db: Transaction): Promise<Schema> {
  const { rows: tables } = await sql<{ name: string; columns: string[]; needs: string[] }>`
    select relname as name,
      array(select attname::text from pg_attribute
        where attrelid = c.oid and attnum > 0 and not attisdropped order by attnum) as columns,
      array(select other.relname::text from pg_constraint join pg_class other on other.oid = confrelid
        where conrelid = c.oid and contype = 'f' and confrelid <> c.oid) as needs
    from pg_class c where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname`.execute(
    db,
  )
  const { rows: names } = await sql<{ name: string }>`
    select relname as name from pg_class
    where relkind = 'S' and relnamespace = 'public'::regnamespace order by relname`.execute(db)
  const sequences: Schema['sequences'] = []
  for (const { name } of names) {
    const { rows } = await sql<{ value: number; called: boolean }>`
      select last_value as value, is_called as called from ${sql.table(name)}`.execute(db)
    sequences.push({ name, ...rows[0]! })
  }
  return { tables: inOrder(tables).map(({ name, columns }) => ({ name, columns })), sequences }
}

function inOrder<Table extends { name: string; needs: string[] }>(tables: readonly Table[]): Table[] {
  const done: Table[] = []
  const visit = (table: Table) => {
    if (done.includes(table)) return
    for (const other of tables) if (table.needs.includes(other.name)) visit(other)
    done.push(table)
  }
  for (const table of tables) visit(table)
  return done
}

function restoreDump(db: Queries, known: readonly Migration[]): RestoringPart {
  let transaction: Transaction | null = null
  let wanted: Migration[] = []
  let schema: Schema = { tables: [], sequences: [] }

  return {
    async check(about) {
      const names = about.migrations as string[]
      const unknown = names.filter((name) => !known.some((one) => one.name === name))
      if (unknown.length > 0) throw newerDatabase(unknown)
      wanted = known.filter(({ name }) => names.includes(name))
      const { rows } = await sql`select from pg_tables where schemaname = 'public' limit 1`.execute(db)
      if (rows.length > 0) {
        throw new TowError('REFUSED', 'the database that DATABASE_URL names is not empty', {
          hint: 'name an empty one: create database towpath',
        })
      }
    },
    async take(file, content) {
      if (file === 'schema.json') {
        transaction = await db.startTransaction().execute()
        schema = JSON.parse(await textOf(content)) as Schema
        // A table that is not there yet refers to none, so whoever made them in another order does no harm.
        await sql`create table migrations (name text primary key, applied_at timestamptz not null)`.execute(
          transaction,
        )
        for (const migration of wanted) await sql.raw(migration.sql).execute(transaction)
        await emptyTables(transaction, schema)
        return
      }
      const table = schema.tables.find(({ name }) => file === `rows/${name}`)
      if (!transaction || !table) throw new Error(`the database has no ${file}`)
      await loadRows(transaction, table, content)
    },
    async finish() {
      if (!transaction) return
      for (const { name, value, called } of schema.sequences) {
        await sql`select setval(${sql.lit(`public."${name}"`)}, ${sql.lit(value)}, ${sql.lit(called)})`.execute(
          transaction,
        )
      }
      await transaction.commit().execute()
    },
    async cancel() {
      await transaction?.rollback().execute()
    },
  }
}

/** Rows that migrations themselves have made: they come back with the others, or were removed since. */
async function emptyTables(transaction: Transaction, { tables }: Schema): Promise<void> {
  for (const { name } of [...tables].reverse()) {
    const { rows } = await sql`select from ${sql.table(name)} limit 1`.execute(transaction)
    // Some tables refuse that anything is deleted, and those are empty.
    if (rows.length > 0) await sql`delete from ${sql.table(name)}`.execute(transaction)
  }
}

async function loadRows(
  transaction: Transaction,
  { name, columns }: Schema['tables'][number],
  content: AsyncIterable<Uint8Array>,
): Promise<void> {
  const table = sql.table(name)
  const into = sql.join(columns.map((column) => sql.ref(column)))
  const insert = async (lines: string[]) => {
    if (lines.length === 0) return
    // Without the offset the row would be parsed once for each of its columns.
    await sql`insert into ${table} (${into}) overriding system value
      select (loaded).* from (select line::${table} as loaded from unnest(${lines}::text[]) as line offset 0) as rows`.execute(
      transaction,
    )
  }
  let rest = Buffer.alloc(0)
  for await (const chunk of content) {
    const bytes = Buffer.concat([rest, chunk])
    const end = bytes.lastIndexOf(10)
    rest = bytes.subarray(end + 1)
    const lines = end < 0 ? [] : bytes.subarray(0, end).toString('utf8').split('\n')
    await insert(lines.map((line) => JSON.parse(line) as string))
  }
}
