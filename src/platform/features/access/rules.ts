/** Who may do what, from roles alone. Pure. */
import type { Permission, ScopedPermission } from '../../../api/operation.ts'
import { type Grant, ROLES, type Role } from '../../../api/roles.ts'
import type { Principal } from '../../kernel/http/authenticator.ts'

/** The least role that brings each permission; null: any credential does. */
const LEAST: Readonly<Record<Permission, Role | null>> = {
  anyone: null,
  self: null,
  'self:tokens': null,
  read: 'viewer',
  'app:change': 'developer',
  'app:secret': 'developer',
  'environment:operate': 'operator',
  'platform:administer': 'administrator',
}

/** Roles are a ladder: each may do what those below it may. A role that nobody knows is on no rung. */
export function isAtLeast(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least)
}

export function isAdministrator({ roles }: Pick<Principal, 'roles'>): boolean {
  return roles.some(({ role }) => role === 'administrator')
}

/** Whoever reads, reads all; and nobody administers half a platform: these two are held everywhere. */
const EVERYWHERE: readonly Role[] = ['viewer', 'administrator']

/** A role that is given in one environment and can’t be; null where there is none. */
export function misplacedRole(grants: readonly Grant[]): Role | null {
  return (
    grants.find(({ role, environment }) => environment !== null && EVERYWHERE.includes(role))?.role ?? null
  )
}

/** Whether this kind of thing is permitted anywhere; where, and on what, is asked once the request is read. */
export function permits({ roles, credential }: Principal, permission: Permission): boolean {
  // A token that makes tokens would outlive being taken away.
  if (permission === 'self:tokens') return credential.kind !== 'token'
  const least = LEAST[permission]
  return least === null || roles.some(({ role }) => isAtLeast(role, least))
}

/** One thing that a request touches. */
export interface Touched {
  /** Null: the environment itself. */
  app: string | null
  /** The team of the app; null where nobody owns it. */
  owner: string | null
  /** Null: whichever; there is nothing in any yet. */
  environment: string | null
  /** A space over the environment, which one person alone changes, and operators. */
  space?: { name: string; person: string }
}

export type Lack =
  | { lacks: 'role'; role: Role; environment: string | null }
  | { lacks: 'team'; team: string }
  | { lacks: 'space'; space: string; person: string }

/** What the principal lacks to do this to one thing; null for nothing. */
export function lackOf(
  { name, roles, teams }: Pick<Principal, 'name' | 'roles' | 'teams'>,
  permission: ScopedPermission,
  { app, owner, environment, space }: Touched,
): Lack | null {
  const role = LEAST[permission]!
  const here = roles.filter(
    (grant) => grant.environment === null || environment === null || grant.environment === environment,
  )
  const isThere = (least: Role) => here.some((grant) => isAtLeast(grant.role, least))
  if (!isThere(role)) return { lacks: 'role', role, environment }
  if (space && space.person !== name && !isThere('operator'))
    return { lacks: 'space', space: space.name, person: space.person }
  if (app === null || owner === null || teams.includes(owner) || isThere('operator')) return null
  return { lacks: 'team', team: owner }
}

/** Names of those who lack nothing for it: those of the team that owns the app first. */
export function whoMay(
  all: readonly Pick<Principal, 'name' | 'kind' | 'roles' | 'teams'>[],
  permission: ScopedPermission,
  thing: Touched,
): string[] {
  const isOfTeam = ({ teams }: Pick<Principal, 'teams'>) =>
    thing.owner !== null && teams.includes(thing.owner)
  return all
    .filter((one) => one.kind === 'person' && lackOf(one, permission, thing) === null)
    .sort((one, other) => Number(isOfTeam(other)) - Number(isOfTeam(one)) || (one.name < other.name ? -1 : 1))
    .map(({ name }) => name)
}

/** What a token that was narrowed to `given` may do for whoever holds `own`: what both say, never more than either. */
export function narrow(own: readonly Grant[], given: readonly Grant[]): Grant[] {
  const both = own.flatMap((one) =>
    given.flatMap((other): Grant[] => {
      const environment = one.environment ?? other.environment
      if (other.environment !== null && other.environment !== environment) return []
      return [{ role: isAtLeast(one.role, other.role) ? other.role : one.role, environment }]
    }),
  )
  return both.filter(
    (grant, index) =>
      both.findIndex((one) => one.role === grant.role && one.environment === grant.environment) === index,
  )
}
