import * as z from 'zod'

/** Apps, environments, processes and spaces share one rule, so that every name fits a DNS label, a user name and a path. */
export const NAME_PATTERN = /^[a-z](?:-?[a-z0-9])*$/
export const NAME_LENGTH = 24

/** What every object of JavaScript has already: whoever looks such a name up in one finds something else. */
export const isReserved = (name: string): boolean => name in Object.prototype

const notReserved = { message: 'this word is reserved' }

export const Name = z
  .string()
  .max(NAME_LENGTH, `names have at most ${NAME_LENGTH} characters`)
  .regex(NAME_PATTERN, 'names are lower-case letters, digits and single hyphens, and start with a letter')
  .refine((name) => !isReserved(name), notReserved)

/** Teams follow the same rule, and may be called a little longer. */
export const TeamName = z
  .string()
  .max(64, 'names of teams have at most 64 characters')
  .regex(NAME_PATTERN, 'names are lower-case letters, digits and single hyphens, and start with a letter')

/** What a person or a machine is called: a login name or an address, in lower case so that no two look alike. */
export const PrincipalName = z
  .string()
  .max(64, 'names of people have at most 64 characters')
  .regex(
    /^[a-z0-9](?:[a-z0-9._@+-]*[a-z0-9])?$/,
    'names of people are lower-case letters, digits and . _ @ + - between them',
  )

/** What somebody calls one of their tokens. */
export const TokenName = z
  .string()
  .max(64, 'names of tokens have at most 64 characters')
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9._@-]*[A-Za-z0-9])?$/,
    'names of tokens are letters, digits and . _ @ - between them',
  )

/** Lower-case hexadecimal SHA-256. */
export const Digest = z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hexadecimal')

/** A key of the config: what a process reads from its environment. */
export const ConfigKey = z
  .string()
  .max(128)
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'keys are letters, digits and underscores, and start with no digit')
  .refine((key) => !isReserved(key), notReserved)

/** `v12` to people, 12 on the wire. */
export const ReleaseNumber = z.int().min(1).max(1_000_000_000)

/** ISO 8601 with a time zone, as `Date.prototype.toISOString` writes it. */
export const Timestamp = z.iso.datetime()
