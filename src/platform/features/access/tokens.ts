/**
 * Tokens: 256 random bits, shown once. SHA-256 alone is enough to keep them: what a slow hash protects is what people
 * make up, and nobody finds a preimage among 2^256; and a look-up by digest tells nothing by its time.
 */
import { createHash, randomBytes } from 'node:crypto'
import { nearest } from '../../../api/nearest.ts'
import type { Token } from '../../../api/people.ts'
import type { Grant } from '../../../api/roles.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries, Within } from '../../kernel/database.ts'
import type { Principal } from '../../kernel/http/authenticator.ts'
import { inWords, refusals } from './messages.ts'
import { narrow } from './rules.ts'
import { findPrincipal, toGrant } from './store.ts'
import { deleteTokens, findByToken, insertToken, listTokens, noteUse } from './token-store.ts'

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

export function createTokens({ database, clock }: { database: Database; clock: Clock }) {
  const { db } = database

  async function list(from: Queries | Within, principal: string): Promise<Token[]> {
    return (await listTokens(from, principal)).map((row) => ({
      name: row.name,
      roles: row.narrowed ? row.roles : null,
      signedIn: row.signed_in,
      createdAt: row.created_at.toISOString(),
      expiresAt: row.expires_at.toISOString(),
      lastUsedAt: row.last_used_at?.toISOString() ?? null,
    }))
  }

  async function get(from: Queries | Within, principal: string, name: string): Promise<Token> {
    const all = await list(from, principal)
    const found = all.find((token) => token.name === name)
    if (found) return found
    const names = all.map((token) => token.name)
    throw refusals.unknownToken(name, principal, nearest(name, names))
  }

  return {
    list,
    /** Answers with the token itself, which is kept nowhere. */
    async issue(change: Change, principal: string, wanted: NewToken): Promise<Token & { token: string }> {
      const { name, roles, expires, signedIn = false } = wanted
      if (!(await findPrincipal(change.db, principal))) throw refusals.unknownPrincipal(principal, null)
      const secret = newSecret()
      const row = {
        ...{ hash: digest(secret), principal, name, signed_in: signedIn, narrowed: roles !== null },
        ...{ created_at: clock.now(), expires_at: expires, last_used_at: null },
      }
      await insertToken(change.db, row, roles ?? []).catch((error) => {
        const { constraint } = error as { constraint?: string }
        if (constraint === 'tokens_principal_name_key') throw refusals.tokenExists(name, principal)
        throw error
      })
      const may = roles === null ? 'all that they may do' : inWords(roles)
      change.event({
        kind: 'token.added',
        message: `Made the token ${name} of ${principal} (${may}), until ${expires.toISOString().slice(0, 10)}`,
        facts: { principal, token: name, roles, expires: expires.toISOString() },
      })
      return { ...(await get(change.db, principal, name)), token: secret }
    },
    async remove(change: Change, principal: string, name: string): Promise<Token> {
      const token = await get(change.db, principal, name)
      await deleteTokens(change.db, { principal, name })
      const message = `Ended the token ${name} of ${principal}`
      change.event({ kind: 'token.removed', message, facts: { principal, tokens: [name] } })
      change.wake('access')
      return token
    },
    /** Whoever the token belongs to, with what it may do at this moment; null where it is nobody's. */
    async principalOf(secret: string): Promise<Principal | null> {
      const row = await findByToken(db, digest(secret))
      if (!row) return null
      const now = clock.now()
      if (row.expires_at <= now) throw refusals.expired(row.name, row.expires_at)
      if (!row.last_used_at || now.getTime() - row.last_used_at.getTime() >= NOTED_EVERY)
        await noteUse(db, row.hash, now)
      const own = row.own.map(toGrant)
      const kind = row.signed_in ? ('sign-in' as const) : ('token' as const)
      return {
        ...{ name: row.principal, kind: row.kind, teams: row.teams },
        roles: row.narrowed ? narrow(own, row.given.map(toGrant)) : own,
        credential: { kind, name: row.name, expiresAt: row.expires_at },
      }
    },
  }
}

export type Tokens = ReturnType<typeof createTokens>
