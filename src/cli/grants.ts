/** Roles in words, and from words. */
import type { Grant } from '../api/roles.ts'

/** `developer in stage, viewer`. */
export function describeGrants(grants: readonly Grant[]): string {
  const words = grants.map(({ role, environment }) =>
    environment === null ? role : `${role} in ${environment}`,
  )
  return words.join(', ') || 'no role'
}
