/**
 * A new key for all secrets. The order makes every moment safe to die in: the new key is on disk before anything is
 * sealed with it, all rows change over in one transaction, and the old key is removed when no row needs it any more.
 */
import { sql } from 'kysely'
import type { Actor } from '../../kernel/actor.ts'
import type { Database, Within } from '../../kernel/database.ts'
import { type Place, seal, unseal } from './seal.ts'
import { lockKeys, type SealedRow, type Vault, vaultTables } from './vault.ts'

export type RotationStep = 'key-written' | 'rows-sealed' | 'committed' | 'cleaned'

/** `onStep` is for tests that kill the process there. */
export async function rotate(
  database: Database,
  vault: Vault,
  actor: Actor,
  onStep: (step: RotationStep) => void = () => {},
): Promise<{ secrets: number; key: string }> {
  const made = await vault.keyring.make()
  onStep('key-written')
  const answer = await database.change(actor, async (change) => {
    await lockKeys(change.db)
    const keys = await vault.allKeys(change.db)
    await vault.becomeCurrent(change.db, made)
    const { resealed, left } = await resealAll(change.db, keys, made)
    onStep('rows-sealed')
    const unread = left === 0 ? '' : `; ${left} that can't be read ${left === 1 ? 'was' : 'were'} left`
    change.event({
      kind: 'key.rotated',
      message: `Rotated the encryption key; ${resealed} ${resealed === 1 ? 'secret is' : 'secrets are'} sealed with the new one${unread}`,
      facts: { key: made.id, secrets: resealed, unreadable: left },
    })
    return { secrets: resealed, key: made.id }
  })
  onStep('committed')
  await removeRetiredKeys(database, vault)
  onStep('cleaned')
  return answer
}

const PAGE = 500

async function resealAll(db: Within, keys: Map<string, Buffer | null>, made: { id: string; key: Buffer }) {
  let resealed = 0
  let left = 0
  let last: Place | null = null
  for (;;) {
    const page = await pageAfter(db, last)
    if (page.length === 0) return { resealed, left }
    const fresh: { place: Place; sealed: Buffer }[] = []
    for (const row of page) {
      const key = keys.get(row.key_id)
      const text = key ? unseal(key, row, row.sealed) : null
      if (text === null) left += 1
      else fresh.push({ place: row, sealed: seal(made.key, row, text) })
    }
    await update(db, fresh, made.id)
    resealed += fresh.length
    last = page.at(-1)!
  }
}

async function pageAfter(db: Within, last: Place | null): Promise<SealedRow[]> {
  let query = vaultTables(db).selectFrom('sealed').selectAll()
  if (last) {
    const { app, environment, key, version } = last
    query = query.where(
      sql<boolean>`(app, environment, key, version) > (${app}, ${environment}, ${key}, ${version})`,
    )
  }
  return query.orderBy('app').orderBy('environment').orderBy('key').orderBy('version').limit(PAGE).execute()
}

async function update(db: Within, fresh: { place: Place; sealed: Buffer }[], keyId: string): Promise<void> {
  const rows = fresh.map(({ place: { app, environment, key, version }, sealed }) => ({
    ...{ app, environment, key, version },
    sealed: sealed.toString('hex'),
  }))
  await sql`
    update sealed set key_id = ${keyId}, sealed = decode(fresh.sealed, 'hex')
    from json_to_recordset(${JSON.stringify(rows)}::json)
      as fresh (app text, environment text, key text, version integer, sealed text)
    where (sealed.app, sealed.environment, sealed.key, sealed.version)
      = (fresh.app, fresh.environment, fresh.key, fresh.version)`.execute(db)
}

/**
 * Removes key files that the database knows as retired and that no row is sealed with. Also run at every start, for a
 * rotation that was killed. A key that the database does not know is never touched: the database may be an older one.
 */
export async function removeRetiredKeys(database: Database, vault: Vault): Promise<void> {
  const retired = await vaultTables(database.db)
    .selectFrom('encryption_keys')
    .select('id')
    .where('current', '=', false)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('sealed').select('key_id').whereRef('key_id', '=', 'encryption_keys.id'))),
    )
    .execute()
  for (const { id } of retired) await vault.keyring.remove(id)
}
