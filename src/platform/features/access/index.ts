/**
 * Who may do what: people and machines, their roles, teams and tokens. Whoever started the platform is its
 * administrator through the token file. No operation is named here: what each needs stands in the contract.
 */
import { join } from 'node:path'
import type { ScopedPermission } from '../../../api/operation.ts'
import type { Grant } from '../../../api/roles.ts'
import { type Actor, PLATFORM } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import type { Authenticator, Principal } from '../../kernel/http/authenticator.ts'
import { refusals } from './messages.ts'
import { createPeople, type PeopleOptions } from './people.ts'
import { accessRoutes } from './routes.ts'
import { lackOf, permits, type Touched } from './rules.ts'
import {
  deleteRolesIn,
  findPrincipal,
  insertPrincipal,
  insertRoles,
  migrations,
  rolesOf,
  teamsOf,
} from './store.ts'
import { createTeams, type TeamsOptions } from './teams.ts'
import { isToken, openToken } from './token-file.ts'
import { deleteTokens } from './token-store.ts'
import { createTokens, type NewToken } from './tokens.ts'

export { isAdministrator } from './rules.ts'
export type { NewToken, Touched }
export { migrations as accessMigrations }

export interface AccessOptions
  extends Pick<PeopleOptions, 'requireEnvironment'>,
    Pick<TeamsOptions, 'appsOf'> {
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

const ADMINISTRATOR: Grant[] = [{ role: 'administrator', environment: null }]

/** Makes the token file where there is none yet. */
export async function createAccess(options: AccessOptions) {
  const { home, person, database, clock } = options
  const tokenFile = join(home, 'token')
  const token = await openToken(tokenFile)
  const starter: Principal = {
    ...{ name: person, kind: 'person', roles: ADMINISTRATOR, teams: [] },
    credential: { kind: 'token-file', name: null, expiresAt: null },
  }
  const tokens = createTokens({ database, clock })
  const teams = createTeams(options)
  const people = createPeople({
    ...options,
    requireTeam: async (db, name) => void (await teams.get(db, name)),
    revoke: endAll,
  })

  async function endAll(change: Change, principal: string): Promise<string[]> {
    const names = await deleteTokens(change.db, { principal })
    await options.onRevoked?.(change, principal)
    change.wake('access')
    return names
  }

  /** Ends all that lets the principal in: tokens, and sessions through `onRevoked`. Answers with the tokens’ names. */
  async function revokeAll(change: Change, principal: string): Promise<string[]> {
    const names = await endAll(change, principal)
    change.event({
      kind: 'token.removed',
      message: `Ended every token and session of ${principal}`,
      facts: { principal, tokens: names },
    })
    return names
  }

  const authenticator: Authenticator = {
    async authenticate({ kind, secret }) {
      if (kind === 'session') return (await options.principalOfSession?.(secret)) ?? null
      return isToken(token, secret) ? starter : tokens.principalOf(secret)
    },
    permits,
  }

  const feature = {
    name: 'access',
    migrations,
    routes: accessRoutes({
      ...{ database, clock, people, teams, tokens, revokeAll },
      appsOf: options.appsOf,
    }),
    /** Whoever started the platform is known like everybody else, so that teams and tokens can be theirs. */
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
        await insertRoles(change.db, person, ADMINISTRATOR)
        change.event({
          kind: 'person.added',
          message: `${person} started the platform and is its administrator`,
          facts: { principal: person, roles: ADMINISTRATOR },
        })
      })
    },
  } satisfies Feature

  return {
    ...feature,
    authenticator,
    token,
    tokenFile,
    revokeAll,
    /** What a principal is and may do, without any credential; null where there is none. */
    async principalNamed(
      db: Queries | Within,
      name: string,
    ): Promise<Pick<Principal, 'name' | 'kind' | 'roles' | 'teams'> | null> {
      const row = await findPrincipal(db, name)
      if (!row) return null
      return { name, kind: row.kind, roles: await rolesOf(db, name), teams: await teamsOf(db, name) }
    },
    /** The token itself, shown once and kept nowhere. CONFLICT where the principal has one of that name. */
    async issueToken(change: Change, principal: string, wanted: NewToken): Promise<string> {
      return (await tokens.issue(change, principal, wanted)).token
    },
    /** Ends one token of the principal. */
    async endToken(change: Change, principal: string, name: string): Promise<void> {
      await tokens.remove(change, principal, name)
    },
    /** Throws FORBIDDEN, with all that is lacking, where whoever acts may not do this to each of these. */
    require(actor: Actor, permission: ScopedPermission, all: readonly Touched[]): void {
      if (actor === PLATFORM) return
      const { principal } = actor
      if (!principal) throw new Error(`nobody knows what ${actor.name} may do`)
      const lacking = all.flatMap((touched) => {
        const lack = lackOf(principal, permission, touched)
        return lack ? [{ touched, lack }] : []
      })
      if (lacking.length > 0) throw refusals.forbidden(principal.name, permission, lacking)
    },
    async teamNames(db: Queries | Within): Promise<string[]> {
      return (await teams.list(db)).map(({ name }) => name)
    },
    addTeam: teams.add,
    /** No role comes back with a new environment of that name. */
    forget: (change: Change, environment: string) => deleteRolesIn(change.db, environment),
  }
}
