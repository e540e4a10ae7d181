import { PERMISSIONS, type Permission } from '../../../api/operation.ts'

/** Whoever starts the platform on their own machine is its administrator. */
export const ADMINISTRATOR = 'administrator'

/** What each role may do. */
const ROLES = new Map<string, readonly Permission[]>([[ADMINISTRATOR, PERMISSIONS]])

export function permits(roles: readonly string[], permission: Permission): boolean {
  return permission === 'anyone' || roles.some((role) => ROLES.get(role)?.includes(permission))
}
