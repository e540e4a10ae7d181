/**
 * Images that were made elsewhere, looked up for whoever may ship: with the platform's logins only where somebody who may
 * said so, else as anybody can. Otherwise whoever ships could read whatever the platform may.
 */

import type { Images } from './index.ts'
import { LoginRefused, refusals } from './messages.ts'
import { parseReference, parseRepository } from './reference.ts'

export interface LookupOptions {
  /** With the logins. */
  images: Pick<Images, 'resolve'>
  /** Without any. */
  anonymous: Pick<Images, 'resolve'>
  /** Registries, or folders in them, that the logins may be used for: `ghcr.io`, `ghcr.io/team`. */
  lentTo: readonly string[]
}

export function createLookup({ images, anonymous, lentTo }: LookupOptions): Images['resolve'] {
  return async (name, platform, signal) => {
    if (lentTo.some((place) => liesWithin(name, place))) return images.resolve(name, platform, signal)
    try {
      return await anonymous.resolve(name, platform, signal)
    } catch (error) {
      throw error instanceof LoginRefused ? refusals.notLent(name, lentTo) : error
    }
  }
}

/** The place itself, or below it: `ghcr.io/team` is no part of `ghcr.io/teams`. */
function liesWithin(name: string, place: string): boolean {
  const { registry, repository } = parseReference(name)
  if (!place.includes('/')) return registry === place
  const folder = parseRepository(place)
  return (
    registry === folder.registry &&
    (repository === folder.repository || repository.startsWith(`${folder.repository}/`))
  )
}
