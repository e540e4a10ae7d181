/**
 * Tokens: 256 random bits, shown once. SHA-256 alone is enough to keep them: what a slow hash protects is what people
 * make up, and nobody finds a preimage among 2^256; and a look-up by digest tells nothing by its time.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { Grant } from '../../../api/roles.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database } from '../../kernel/database.ts'
import type { Principal } from '../../kernel/http/authenticator.ts'
import { refusals } from './messages.ts'
import { narrow } from './rules.ts'
import { findByToken, findPrincipal, insertToken, noteUse, toGrant } from './store.ts'

export interface NewToken {
  /** Unique among those of the principal. */
  name: string
  /** Can only narrow what the principal may do; null: all of it, as it is at any time. */
  roles: readonly Grant[] | null
  expires: Date
  /** From a sign-in of the person themselves: it may make and remove other tokens. */
  signedIn?: boolean
}

const NOTED_EVERY = 60_000

export function newSecret(): string {
  return `tow_${randomBytes(32).toString('base64url')}`
}

const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest()

/** Answers with the token itself, which is kept nowhere. */
export async function issueToken(
  change: Change,
  now: Date,
  principal: string,
  { name, roles, expires, signedIn = false }: NewToken,
): Promise<string> {
  if (!(await findPrincipal(change.db, principal))) throw refusals.unknownPrincipal(principal)
  const secret = newSecret()
  const row = {
    ...{ hash: digest(secret), principal, name, signed_in: signedIn, narrowed: roles !== null },
    ...{ created_at: now, expires_at: expires, last_used_at: null },
  }
  await insertToken(change.db, row, roles ?? []).catch((error) => {
    if ((error as { constraint?: string }).constraint === 'tokens_principal_name_key')
      throw refusals.tokenExists(name, principal)
    throw error
  })
  change.event({
    kind: 'token.added',
    message: `Made the token ${name} for ${principal}, until ${expires.toISOString()}`,
    facts: { principal, token: name, roles, expires: expires.toISOString() },
  })
  return secret
}

export function createTokenLookup({ database, clock }: { database: Database; clock: Clock }) {
  const { db } = database
  return async function principalOf(secret: string): Promise<Principal | null> {
    const row = await findByToken(db, digest(secret))
    if (!row) return null
    const now = clock.now()
    if (row.expires_at <= now) throw refusals.expired(row.name, row.expires_at)
    if (!row.last_used_at || now.getTime() - row.last_used_at.getTime() >= NOTED_EVERY)
      await noteUse(db, row.hash, now)
    const own = row.own.map(toGrant)
    return {
      name: row.principal,
      kind: row.kind,
      roles: row.narrowed ? narrow(own, row.given.map(toGrant)) : own,
      teams: row.teams,
      credential: {
        kind: row.signed_in ? 'sign-in' : 'token',
        name: row.name,
        expiresAt: row.expires_at,
      },
    }
  }
}
