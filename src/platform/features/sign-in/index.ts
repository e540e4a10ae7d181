/**
 * How people come in: a password or a code says who somebody is; what they get for it is a token for the command
 * line, or a session for a browser. An identity provider would be one more way to say who somebody is.
 */
import { randomBytes } from 'node:crypto'
import type { Change } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import type { Principal } from '../../kernel/http/authenticator.ts'
import { type Loop, startLoop } from '../../kernel/loop.ts'
import type { Access } from '../access/index.ts'
import { createDoor } from './door.ts'
import { createLocalPeople, type LocalPeopleOptions } from './people.ts'
import { signInRoutes } from './routes.ts'
import { LASTS, tokenNameOf } from './rules.ts'
import { createSessions } from './sessions.ts'
import { deleteCodes, deleteExpired, deleteSessions, migrations } from './store.ts'

export interface SignInOptions extends LocalPeopleOptions {
  access: Pick<Access, 'principalNamed' | 'issueToken' | 'endToken'>
  onError: (error: unknown) => void
  /** Where a browser goes on to that asked for nothing else. */
  landing: '/' | '/sign-in'
}

const COLLECTED_EVERY = 3_600_000

export function createSignIn(options: SignInOptions) {
  const { database, clock, access, onError, landing } = options
  const people = createLocalPeople(options)
  const sessions = createSessions({ database, clock, principalNamed: access.principalNamed })

  /** A token of its own for this sign-in. */
  async function giveToken(person: string, label: string) {
    const tokenName = tokenNameOf(label, randomBytes(2).toString('hex'))
    const expires = new Date(clock.now().getTime() + LASTS.token)
    const wanted = { name: tokenName, roles: null, expires, signedIn: true }
    const token = await database.change({ name: person }, (change) =>
      access.issueToken(change, person, wanted),
    )
    return { token, tokenName, person, expiresAt: expires.toISOString() }
  }

  const parts = { database, clock, people, sessions, access, giveToken }
  let loop: Loop | null = null
  const feature = {
    name: 'sign-in',
    migrations,
    routes: signInRoutes(parts),
    page: createDoor(parts, landing),
    async start() {
      const pass = () => deleteExpired(database.db, clock.now())
      loop = startLoop({ pass, interval: COLLECTED_EVERY, onError })
    },
    async stop() {
      await loop?.stop()
    },
  } satisfies Feature

  return {
    ...feature,
    principalOfSession: (secret: string): Promise<Principal | null> => sessions.principalOf(secret),
    /** Ends sessions and codes of a principal. The password stays: they may sign in anew, unless they are removed. */
    async onRevoked(change: Change, principal: string): Promise<void> {
      await deleteSessions(change.db, principal)
      await deleteCodes(change.db, principal)
    },
  }
}
