/**
 * Who may do what: people and machines, their roles, teams and tokens. Whoever started the platform is its
 * administrator through the token file. No operation is named here: what each needs stands in the contract.
 */
import { join } from 'node:path'
import { PLATFORM } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import type { Authenticator, Principal } from '../../kernel/http/authenticator.ts'
import { operations } from '../../kernel/operations.ts'
import { permits } from './rules.ts'
import {
  deleteTokens,
  findPrincipal,
  insertPrincipal,
  insertRoles,
  migrations,
  rolesOf,
  teamsOf,
} from './store.ts'
import { isToken, openToken } from './token-file.ts'
import { createTokenLookup, issueToken, type NewToken } from './tokens.ts'

export type { NewToken }
export { migrations as accessMigrations }

export interface AccessOptions {
  home: string
  /** The login name of whoever started the platform. */
  person: string
  database: Database
  clock: Clock
  /** Whose browser session this is, where someone signs people in. */
  principalOfSession?: (secret: string) => Promise<Principal | null>
  /** Everything else that lets this principal in ends with this change: sessions, codes. */
  onRevoked?: (change: Change, principal: string) => Promise<void>
}

export type Access = Awaited<ReturnType<typeof createAccess>>

/** Makes the token file where there is none yet. */
export async function createAccess(options: AccessOptions) {
  const { home, person, database, clock } = options
  const tokenFile = join(home, 'token')
  const token = await openToken(tokenFile)
  const starter: Principal = {
    name: person,
    kind: 'person',
    roles: [{ role: 'administrator', environment: null }],
    teams: [],
    credential: { kind: 'token-file', name: null, expiresAt: null },
  }
  const principalOfToken = createTokenLookup({ database, clock })

  const authenticator: Authenticator = {
    async authenticate({ kind, secret }) {
      if (kind === 'session') return (await options.principalOfSession?.(secret)) ?? null
      return isToken(token, secret) ? starter : principalOfToken(secret)
    },
    permits,
  }

  const routes = {
    access: {
      whoami: operations.access.whoami.handler(({ context: { principal } }) => {
        const { name, kind, roles, teams, credential } = principal!
        const expiresAt = credential.expiresAt?.toISOString() ?? null
        return { name, kind, roles: [...roles], teams: [...teams], credential: { ...credential, expiresAt } }
      }),
    },
  }

  /** What a principal is and may do, without any credential; null where there is none. */
  async function principalNamed(
    db: Queries | Within,
    name: string,
  ): Promise<Pick<Principal, 'name' | 'kind' | 'roles' | 'teams'> | null> {
    const row = await findPrincipal(db, name)
    if (!row) return null
    return { name, kind: row.kind, roles: await rolesOf(db, name), teams: await teamsOf(db, name) }
  }

  const feature = {
    name: 'access',
    migrations,
    routes,
    async start() {
      if (await findPrincipal(database.db, person)) return
      await database.change(PLATFORM, async (change) => {
        const row = {
          name: person,
          kind: 'person',
          created_at: clock.now(),
          created_by: PLATFORM.name,
        } as const
        if (!(await insertPrincipal(change.db, row))) return
        await insertRoles(change.db, person, starter.roles)
        change.event({
          kind: 'person.added',
          message: `${person} started the platform and is its administrator`,
          facts: { principal: person, roles: starter.roles },
        })
      })
    },
  } satisfies Feature

  return {
    ...feature,
    authenticator,
    token,
    tokenFile,
    principalNamed,
    /** The token itself, shown once and kept nowhere. CONFLICT where the principal has one of that name. */
    issueToken: (change: Change, principal: string, wanted: NewToken) =>
      issueToken(change, clock.now(), principal, wanted),
    /** Takes away all that lets the principal in: tokens, and sessions through `onRevoked`. */
    async revokeAll(change: Change, principal: string): Promise<void> {
      const names = await deleteTokens(change.db, { principal })
      await options.onRevoked?.(change, principal)
      change.event({
        kind: 'token.removed',
        message: `Took away every token and session of ${principal}`,
        facts: { principal, tokens: names },
      })
    },
  }
}
