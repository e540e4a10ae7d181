/**
 * Stands where source would be built, on a platform that others reach: what a build runs is whatever somebody shipped,
 * and here it would run as the platform itself.
 */
import { TowError } from '../api/errors.ts'
import type { Builder } from './builder.ts'

export function createRefusedBuilder(): Builder {
  const refuse = async () => {
    throw new TowError(
      'REFUSED',
      'this platform listens beyond its own machine, and what a build runs could do there all that the platform can',
      {
        hint: 'ship to a platform on your own machine; or, where everybody who may ship may also use that machine: tow up --listen … --shared-builds',
      },
    )
  }
  return { name: 'source', plan: refuse, build: refuse }
}
