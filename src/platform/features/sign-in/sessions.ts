/** Browser sessions: a random secret in a cookie, its digest in a row. A new one at every sign-in. */
import { createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries } from '../../kernel/database.ts'
import type { Principal } from '../../kernel/http/authenticator.ts'
import { isOver, LASTS } from './rules.ts'
import { deleteSession, findSession, insertSession, noteSession } from './store.ts'

export interface SessionOptions {
  database: Database
  clock: Clock
  principalNamed(
    db: Queries,
    name: string,
  ): Promise<Pick<Principal, 'name' | 'kind' | 'roles' | 'teams'> | null>
}

const NOTED_EVERY = 60_000

export const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest()

export function createSessions({ database, clock, principalNamed }: SessionOptions) {
  return {
    /** The secret for the cookie. */
    async open(change: Change, principal: string): Promise<string> {
      const now = clock.now()
      const secret = randomBytes(32).toString('base64url')
      await insertSession(change.db, {
        hash: digest(secret),
        principal,
        created_at: now,
        expires_at: new Date(now.getTime() + LASTS.session),
        last_used_at: now,
      })
      change.event({
        kind: 'session.opened',
        message: `${principal} signed in with a browser`,
        facts: { principal },
      })
      return secret
    },
    /** Whose it is; null where it is over, or never was. */
    async principalOf(secret: string): Promise<Principal | null> {
      const { db } = database
      const session = await findSession(db, digest(secret))
      const now = clock.now()
      if (!session || isOver(session, now)) return null
      const principal = await principalNamed(db, session.principal)
      if (!principal) return null
      if (now.getTime() - session.last_used_at.getTime() >= NOTED_EVERY)
        await noteSession(db, session.hash, now)
      return { ...principal, credential: { kind: 'session', name: null, expiresAt: session.expires_at } }
    },
    async close(change: Change, secret: string): Promise<void> {
      const principal = await deleteSession(change.db, digest(secret))
      if (principal === null) return
      change.wake('access')
      change.event({
        kind: 'session.closed',
        message: `${principal} signed out of a browser`,
        facts: { principal },
      })
    },
  }
}
