import * as z from 'zod'
import { Name } from './names.ts'

/** Each may do what those before it may. */
export const ROLES = [
  'viewer', // reads everything but secrets, everywhere
  'developer', // changes apps of their own teams in an environment
  'operator', // changes every app in an environment
  'administrator', // people, teams, environments, the platform itself
] as const
export type Role = (typeof ROLES)[number]

/** A role that someone holds, in one environment or, where that is null, in all of them. */
export const Grant = z.object({ role: z.enum(ROLES), environment: Name.nullable() })
export type Grant = z.infer<typeof Grant>

/** What a person comes in with. */
export const CREDENTIAL_KINDS = ['token-file', 'token', 'sign-in', 'session'] as const
export type CredentialKind = (typeof CREDENTIAL_KINDS)[number]
