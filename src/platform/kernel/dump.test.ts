import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../test/database.ts'
import type { BackupPart } from './backup.ts'
import { openDatabase, type Queries } from './database.ts'
import { databasePart } from './dump.ts'
import { kernelMigrations, type Migration } from './migrations.ts'

const THINGS: Migration = {
  name: 'things/001-create',
  sql: `
    create table zones (name text primary key);
    insert into zones values ('made by the migration'), ('and taken away since');
    create table boats (
      zone text not null references zones,
      position bigint generated always as identity,
      facts jsonb not null, seal bytea, at timestamptz not null, tags text[], price numeric, share double precision
    );
    create function refuse() returns trigger language plpgsql as $$ begin raise 'boats stay'; end $$;
    create trigger boats_stay before delete or truncate on boats execute function refuse();
  `,
}
const LATER: Migration = { name: 'things/002-later', sql: 'alter table boats add column colour text' }

let old: TestDatabase
const opened: { close(): Promise<void> }[] = []

beforeAll(async () => {
  old = await openTestDatabase([THINGS])
  opened.push(old)
  await sql`delete from zones where name like 'and%'`.execute(old.db)
  await sql`insert into boats (zone, facts, seal, at, tags, price, share) values
    ('made by the migration', 'null', '\\x00ff0a', '2026-01-02 03:04:05.123456+00', '{"a,b","c\\"d",NULL}', 1.10, 0.1),
    ('made by the migration', '{"a": "(x,\\"y\\")"}', null, 'infinity', null, 'NaN', 'Infinity'),
    ('made by the migration', '"line\\nbreak"', '', '0044-03-15 BC', '{}', 1e40, 1e-300)`.execute(old.db)
})
afterAll(async () => {
  for (const one of opened.reverse()) await one.close()
})

/** A database with nothing in it. */
async function empty(): Promise<Queries> {
  const made = await openTestDatabase()
  const database = openDatabase({ connection: made.connection })
  opened.push(made, database)
  await sql`drop schema public cascade`.execute(database.db)
  await sql`create schema public`.execute(database.db)
  return database.db
}

async function carry(from: BackupPart, to: BackupPart, meanwhile: () => Promise<unknown> = async () => {}) {
  const open = await from.open()
  await meanwhile()
  const restoring = to.restore()
  await restoring.check(open.about())
  try {
    for await (const { name, content } of open.files()) {
      await restoring.take(
        name,
        (async function* () {
          for await (const chunk of content) {
            // In pieces of any size, as a file gives them.
            yield chunk.subarray(0, 7)
            yield chunk.subarray(7)
          }
        })(),
      )
    }
    await restoring.finish()
  } finally {
    await open.close()
  }
}

const boats = async (db: Queries) =>
  (await sql`select boats::text, facts::text from boats order by position`.execute(db)).rows

test('every value comes back as it was, and numbering goes on after the last', async () => {
  const to = await empty()
  await carry(
    databasePart(old.db, [...kernelMigrations, THINGS]),
    databasePart(to, [...kernelMigrations, THINGS]),
  )
  expect(await boats(to)).toHaveLength(3)
  expect(await boats(to)).toEqual(await boats(old.db))
  expect((await sql`select name from zones`.execute(to)).rows).toEqual([{ name: 'made by the migration' }])
  const { rows } =
    await sql`insert into boats (zone, facts, at) values ('made by the migration', '1', now()) returning position`.execute(
      to,
    )
  expect(rows).toEqual([{ position: 4 }])
})

test('a newer platform restores the tables as they were then', async () => {
  const to = await empty()
  await carry(
    databasePart(old.db, [...kernelMigrations, THINGS]),
    databasePart(to, [...kernelMigrations, THINGS, LATER]),
  )
  expect(await boats(to)).toEqual(await boats(old.db))
  const names = await to.selectFrom('migrations').select('name').orderBy('name').execute()
  expect(names.map(({ name }) => name)).toEqual([
    ...kernelMigrations.map(({ name }) => name),
    'things/001-create',
  ])
})

test('rows that are written while it is read are not in it', async () => {
  const to = await empty()
  const before = await boats(old.db)
  await carry(
    databasePart(old.db, [...kernelMigrations, THINGS]),
    databasePart(to, [...kernelMigrations, THINGS]),
    () =>
      sql`insert into boats (zone, facts, at) values ('made by the migration', '"late"', now())`.execute(
        old.db,
      ),
  )
  expect(await boats(to)).toEqual(before)
})

test('an older platform refuses it in one sentence, and so does a database that is not empty', async () => {
  const open = await databasePart(old.db, [...kernelMigrations, THINGS]).open()
  const about = open.about()
  await open.close()
  await expect(
    databasePart(await empty(), kernelMigrations)
      .restore()
      .check(about),
  ).rejects.toMatchObject({
    message: 'the database was written by a newer Towpath: this version does not know things/001-create',
  })
  await expect(
    databasePart(old.db, [...kernelMigrations, THINGS])
      .restore()
      .check(about),
  ).rejects.toThrow('the database that DATABASE_URL names is not empty')
})
