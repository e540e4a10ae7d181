/**
 * Secrets at rest: sealed rows, and the record of which key is current. Other features may keep secrets of their own
 * here under a key that no config can have (`need:postgres`), so that one rotation covers all.
 */
import { sql } from 'kysely'
import type { Queries, Within } from '../../kernel/database.ts'
import type { Migration } from '../../kernel/migrations.ts'
import { createKeyring, readKey } from './keyring.ts'
import { refusals } from './messages.ts'
import { fingerprint, type Place, seal, unseal } from './seal.ts'

export interface SealedRow extends Place {
  key_id: string
  sealed: Buffer
}

interface KeyRow {
  id: string
  fingerprint: string
  current: boolean
  made_at: Date
}

export type VaultTables = { sealed: SealedRow; encryption_keys: KeyRow }

export const vaultMigration: Migration = {
  name: 'config/002-vault',
  sql: `
    create table encryption_keys (
      id text primary key,
      fingerprint text not null,
      current boolean not null,
      made_at timestamptz not null
    );
    create unique index one_current_key on encryption_keys (current) where current;
    create table sealed (
      app text not null,
      environment text not null,
      key text not null,
      version integer not null,
      key_id text not null references encryption_keys,
      sealed bytea not null,
      primary key (app, environment, key, version)
    );
    create index sealed_by_key on sealed (key_id);
  `,
}

export const vaultTables = (db: Queries | Within) => db.withTables<VaultTables>()

/** Shared by those who seal, taken alone by whoever changes the current key. */
const KEYS_LOCK = 0x6b_65_79_73

export async function lockKeys(db: Within): Promise<void> {
  await sql`select pg_advisory_xact_lock(${KEYS_LOCK})`.execute(db)
}

export type Vault = ReturnType<typeof createVault>

/** `folder` holds the key files. */
export function createVault({ folder, now }: { folder: string; now: () => Date }) {
  const keyring = createKeyring(folder)

  /** The current key; a new one where there is none yet or its file is lost: what follows can be read again. */
  async function currentKey(db: Within): Promise<{ id: string; key: Buffer }> {
    await sql`select pg_advisory_xact_lock_shared(${KEYS_LOCK})`.execute(db)
    const usable = await usableKey(db)
    if (usable) return usable
    await lockKeys(db)
    return (await usableKey(db)) ?? becomeCurrent(db, await keyring.make())
  }

  async function usableKey(db: Within): Promise<{ id: string; key: Buffer } | null> {
    const row = await vaultTables(db)
      .selectFrom('encryption_keys')
      .selectAll()
      .where('current', '=', true)
      .executeTakeFirst()
    const key = row && (await readVerified(row))
    return row && key ? { id: row.id, key } : null
  }

  async function readVerified(row: KeyRow): Promise<Buffer | null> {
    const key = await keyring.read(row.id)
    if (key && fingerprint(key) !== row.fingerprint) throw refusals.keyDamaged(keyring.path(row.id))
    return key
  }

  async function becomeCurrent(
    db: Within,
    made: { id: string; key: Buffer },
  ): Promise<{ id: string; key: Buffer }> {
    await vaultTables(db)
      .updateTable('encryption_keys')
      .set({ current: false })
      .where('current', '=', true)
      .execute()
    await vaultTables(db)
      .insertInto('encryption_keys')
      .values({ id: made.id, fingerprint: fingerprint(made.key), current: true, made_at: now() })
      .execute()
    return made
  }

  /** By id; null where the file is lost. */
  async function allKeys(db: Queries | Within): Promise<Map<string, Buffer | null>> {
    const rows = await vaultTables(db).selectFrom('encryption_keys').selectAll().execute()
    return new Map(await Promise.all(rows.map(async (row) => [row.id, await readVerified(row)] as const)))
  }

  return {
    keyring,
    becomeCurrent,
    allKeys,
    /** Keeps a secret; a place is written once. */
    async keep(db: Within, place: Place, text: string): Promise<void> {
      const { id, key } = await currentKey(db)
      const { app, environment, version } = place
      await vaultTables(db)
        .insertInto('sealed')
        .values({ app, environment, key: place.key, version, key_id: id, sealed: seal(key, place, text) })
        .execute()
    },
    /** In the order of the places. Everything that can't be read is named at once. */
    async open(db: Queries | Within, places: Place[]): Promise<string[]> {
      if (places.length === 0) return []
      const rows = await findSealed(db, places)
      const keys = await allKeys(db)
      const lost: SealedRow[] = []
      const texts = places.map((place) => {
        const row = rows.get(placeId(place))
        if (!row) throw refusals.gone(place)
        const key = keys.get(row.key_id)
        if (!key) {
          lost.push(row)
          return ''
        }
        const text = unseal(key, place, row.sealed)
        if (text === null) throw refusals.changedOutside(place)
        return text
      })
      if (lost.length > 0) {
        throw refusals.lost(lost, [...new Set(lost.map((row) => keyring.path(row.key_id)))])
      }
      return texts
    },
    /** Whether the key that it was sealed with is gone; then it can only be made anew. */
    async isLost(db: Queries | Within, place: Place): Promise<boolean> {
      const row = (await findSealed(db, [place])).get(placeId(place))
      return row === undefined || !(await allKeys(db)).get(row.key_id)
    },
    /** Forgets every version of these keys. */
    async forget(db: Within, of: { app: string; environment: string }, keys: string[]): Promise<void> {
      if (keys.length === 0) return
      await vaultTables(db)
        .deleteFrom('sealed')
        .where('app', '=', of.app)
        .where('environment', '=', of.environment)
        .where('key', 'in', keys)
        .execute()
    },
    /** Whether every key that secrets are sealed with is there, and closed to others; read anew. */
    async check(db: Queries) {
      const used = await vaultTables(db).selectFrom('sealed').select('key_id').distinct().execute()
      for (const { key_id: id } of used) {
        const path = keyring.path(id)
        const problem = await readKey(path).then(
          (key) => (key ? null : refusals.keyDamaged(path)),
          (error) => error as ReturnType<typeof refusals.keyDamaged>,
        )
        if (problem)
          return { name: 'keys', ok: false, message: problem.message, mend: problem.hint ?? `see ${path}` }
      }
      return { name: 'keys', ok: true, message: 'the key files are there, and closed to others' }
    },
  }
}

async function findSealed(db: Queries | Within, places: Place[]): Promise<Map<string, SealedRow>> {
  const { rows } = await sql<SealedRow>`
    select sealed.* from sealed join json_to_recordset(${JSON.stringify(places)}::json)
      as wanted (app text, environment text, key text, version integer)
      using (app, environment, key, version)`.execute(db)
  return new Map(rows.map((row) => [placeId(row), row]))
}

function placeId({ app, environment, key, version }: Place): string {
  return JSON.stringify([app, environment, key, version])
}
