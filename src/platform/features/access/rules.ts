/** Who may do what, from roles alone. Pure. */
import type { Permission } from '../../../api/operation.ts'
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

/** Whether this kind of thing is permitted anywhere; where, and on what, is asked once the request is read. */
export function permits({ roles, credential }: Principal, permission: Permission): boolean {
  // A token that makes tokens would outlive being taken away.
  if (permission === 'self:tokens') return credential.kind !== 'token'
  const least = LEAST[permission]
  return least === null || roles.some(({ role }) => isAtLeast(role, least))
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
