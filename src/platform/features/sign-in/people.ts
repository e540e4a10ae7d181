/** The way in for people of this platform's own: a name and a password, or a code that was given to them. */
import { randomBytes } from 'node:crypto'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database } from '../../kernel/database.ts'
import { createLimits } from './limits.ts'
import { refusals } from './messages.ts'
import { type Cost, createPasswords } from './passwords.ts'
import { LASTS } from './rules.ts'
import { digest } from './sessions.ts'
import {
  type CodeKind,
  deleteCodes,
  deleteSessions,
  insertCode,
  passwordOf,
  setPassword,
  spendCode,
} from './store.ts'

/**
 * Whoever finds out who somebody is. What they get for it (a token, a session) is not its business, so that an
 * identity provider can stand here too.
 */
export interface SignInMethod<Shown> {
  /** The principal's name. Throws UNAUTHENTICATED, or TOO_MANY. */
  identify(shown: Shown, address: string): Promise<string>
}

export interface LocalPeopleOptions {
  database: Database
  clock: Clock
  /** Of keeping a password; tests take less. */
  passwordCost?: Cost
}

export function createLocalPeople({ database, clock, passwordCost }: LocalPeopleOptions) {
  const passwords = createPasswords(passwordCost)
  const limits = createLimits({ db: database.db, clock })

  const byPassword: SignInMethod<{ name: string; password: string }> = {
    identify: ({ name, password }, address) =>
      limits.attempt({ address, person: name }, async () => {
        const known = await passwordOf(database.db, name)
        if (!(await passwords.matches(password, known))) throw refusals.wrong()
        return name
      }),
  }

  async function makeCode(change: Change, kind: CodeKind, principal: string) {
    const code = readable(randomBytes(CODE_LETTERS))
    const lasts = kind === 'invitation' ? LASTS.invitation : LASTS.browserCode
    const expiresAt = new Date(clock.now().getTime() + lasts)
    await deleteCodes(change.db, principal, kind)
    await insertCode(change.db, { hash: digest(plain(code)), kind, principal, expires_at: expiresAt })
    return { code, expiresAt }
  }

  const byCode: SignInMethod<string> = {
    identify: (code, address) =>
      limits.attempt({ address }, async () => {
        const now = clock.now()
        // A code that is spent is gone, whatever comes of it: nothing else is changed with it.
        const principal = await database.db
          .transaction()
          .execute((within) => spendCode(within, digest(plain(code)), 'browser', now))
        if (principal === null) throw refusals.spent()
        return principal
      }),
  }

  return {
    byPassword,
    byCode,
    makeCode,
    /** Chooses the password of whoever the code was made for. */
    async accept(code: string, password: string, address: string): Promise<string> {
      const hash = await passwords.hash(password)
      return limits.attempt({ address }, async () => {
        const actor = { name: 'anyone' }
        const principal = await database.change(actor, async (change) => {
          const name = await spendCode(change.db, digest(plain(code)), 'invitation', clock.now())
          if (name === null) return null
          actor.name = name
          await replace(change, name, hash)
          return name
        })
        if (principal === null) throw refusals.spent()
        return principal
      })
    },
    async changePassword(principal: string, present: string, next: string, address: string): Promise<void> {
      await limits.attempt({ address, person: principal }, async () => {
        const known = await passwordOf(database.db, principal)
        if (!(await passwords.matches(present, known))) throw refusals.wrongPresent()
      })
      const hash = await passwords.hash(next)
      await database.change({ name: principal }, (change) => replace(change, principal, hash))
    },
  }

  async function replace(change: Change, principal: string, hash: string): Promise<void> {
    await setPassword(change.db, principal, hash, clock.now())
    await deleteSessions(change.db, principal)
    change.wake('access')
    change.event({ kind: 'password.changed', message: `${principal} chose a password`, facts: { principal } })
  }
}

/** 100 bits, and nothing that is confused when it is read aloud. */
const CODE_LETTERS = 20
const ALPHABET = 'abcdefghijkmnpqrstuvwxyz23456789'
const readable = (bytes: Buffer) =>
  [...bytes]
    .map((byte) => ALPHABET[byte & 31])
    .join('')
    .replace(/.{5}(?!$)/g, '$&-')
const plain = (code: string) => code.toLowerCase().replace(/[^a-z0-9]/g, '')
