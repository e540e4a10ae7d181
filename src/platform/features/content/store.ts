import { sql } from 'kysely'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'

export interface TreeRow {
  hash: string
  entries: number
  bytes: number
  complete: boolean
  used_at: Date
}

type Own = {
  trees: TreeRow
}

export const migrations: Migration[] = [
  {
    name: 'content/001-trees',
    sql: `
      create table trees (
        hash text primary key,
        entries integer not null,
        bytes bigint not null,
        complete boolean not null,
        used_at timestamptz not null
      );
      create index trees_by_use on trees (used_at);
    `,
  },
]

const tables = (db: Queries | Within) => db.withTables<Own>()

/** Marks the tree as used and tells of it; null where it is unknown. A tree in use is not collected for the grace time. */
export async function useTree(db: Queries | Within, hash: string, now: Date): Promise<TreeRow | null> {
  const row = await tables(db)
    .updateTable('trees')
    .set({ used_at: now })
    .where('hash', '=', hash)
    .returningAll()
    .executeTakeFirst()
  return row ?? null
}

/** A tree that is known as complete stays so. */
export async function saveTree(db: Queries | Within, row: TreeRow): Promise<void> {
  await tables(db)
    .insertInto('trees')
    .values(row)
    .onConflict((conflict) =>
      conflict.column('hash').doUpdateSet({
        complete: sql<boolean>`trees.complete or excluded.complete`,
        used_at: row.used_at,
      }),
    )
    .execute()
}

/** After a blob was found damaged: every tree has to prove again that it is all there. */
export async function doubtAllTrees(db: Queries | Within): Promise<void> {
  await tables(db).updateTable('trees').set({ complete: false }).execute()
}

/** Forgets trees that are neither kept nor used since `before`; answers with those that are left. */
export async function forgetTrees(db: Queries, keep: ReadonlySet<string>, before: Date): Promise<string[]> {
  await tables(db)
    .deleteFrom('trees')
    .where('used_at', '<', before)
    .where(sql<boolean>`hash <> all(${[...keep]})`)
    .execute()
  const left = await tables(db).selectFrom('trees').select('hash').execute()
  return left.map((row) => row.hash)
}
