/** Tokens that let somebody into a space by its host names, as the router reads them. Pure. */
import { createHmac } from 'node:crypto'
import { PREVIEW_TOKEN } from '../../../api/spaces.ts'
import type { InvitationRow, SpaceRow } from './store.ts'

/** What the owner's own links carry; they last as long as the space. */
export const OWNER = 'owner'

/** `<expiry, seconds since the epoch>.<id>.<signature>`. */
export function signToken(key: string, space: string, id: string, expires: Date): string {
  const seconds = Math.floor(expires.getTime() / 1000)
  const signature = createHmac('sha256', Buffer.from(key, 'base64url')).update(`${space}.${seconds}.${id}`)
  return `${seconds}.${id}.${signature.digest('base64url')}`
}

/** The address with the token in it. */
export function linkOf(url: string, token: string): string {
  const link = new URL(url)
  link.searchParams.set(PREVIEW_TOKEN, token)
  return link.href
}

/** Ids of tokens that no longer let anybody in; of those that have expired the token itself tells. */
export function revokedOf(invitations: readonly InvitationRow[], now: number): string[] {
  return invitations
    .filter((one) => one.revoked_by !== null && one.expires_at.getTime() > now)
    .map(({ id }) => id)
}

/** Where secrets of a space are kept. Ids of spaces are never used again. */
export function placeOf(space: Pick<SpaceRow, 'id' | 'environment'>, what: string, version = 1) {
  return { app: '', environment: space.environment, key: `space:${space.id}:${what}`, version }
}
