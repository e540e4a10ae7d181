import * as z from 'zod'
import { Timestamp } from './names.ts'
import { operation } from './operation.ts'

export const PASSWORD_LEAST = 12

/** Long enough that nobody guesses it; beyond that no rule, since rules make passwords alike. */
export const NewPassword = z
  .string()
  .min(PASSWORD_LEAST, `passwords have at least ${PASSWORD_LEAST} characters`)
  .max(256, 'passwords have at most 256 characters')

/** Whatever was typed: one that could never be right is answered like any other. */
const Typed = z.string().max(256)

/** What the token will be called after, e.g. the machine's name. */
const Label = z.string().min(1).max(255).default('cli')

const SignedIn = z.object({
  /** Told once. */
  token: z.string(),
  /** Under which `tow tokens` lists it. */
  tokenName: z.string(),
  person: z.string(),
  expiresAt: Timestamp,
})

/** A code that opens one thing once. */
const Code = z.object({ code: z.string(), expiresAt: Timestamp })

export const signIn = {
  withPassword: operation({
    method: 'POST',
    path: '/sign-in',
    summary: 'A token, for a name and a password',
    permission: 'anyone',
    replays: false,
  })
    .input(z.object({ name: Typed, password: Typed, label: Label }))
    .output(SignedIn),
  accept: operation({
    method: 'POST',
    path: '/sign-in/invitation',
    summary: 'Choose a password with an invitation; answers with a token',
    permission: 'anyone',
    replays: false,
  })
    .input(z.object({ code: z.string().max(64), password: NewPassword, label: Label }))
    .output(SignedIn),
  invite: operation({
    method: 'POST',
    path: '/sign-in/invitations',
    summary: 'A code with which a person chooses a password, once; an earlier one ends',
    permission: 'platform:administer',
    replays: false,
  })
    .input(z.object({ name: z.string().min(1).max(64) }))
    .output(Code),
  changePassword: operation({
    method: 'PUT',
    path: '/sign-in/password',
    summary: 'Another password; browsers that are signed in are signed out',
    permission: 'self:tokens',
    replays: false,
  })
    .input(z.object({ present: Typed, next: NewPassword }))
    .output(z.object({ person: z.string() })),
  browser: operation({
    method: 'POST',
    path: '/sign-in/browser',
    summary: 'A code that signs in one browser, within a minute',
    permission: 'self:tokens',
    replays: false,
  }).output(Code.extend({ path: z.string() })),
  signOut: operation({
    method: 'DELETE',
    path: '/sign-in',
    summary: 'End the token or session that this very call comes with',
    permission: 'self',
  })
    .input(z.strictObject({}))
    .output(z.object({ ended: z.string() })),
}
