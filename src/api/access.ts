import * as z from 'zod'
import { Timestamp } from './names.ts'
import { operation } from './operation.ts'
import { CREDENTIAL_KINDS, Grant } from './roles.ts'

export const Me = z.object({
  name: z.string(),
  kind: z.enum(['person', 'machine']),
  /** What this credential may do: a token may hold less than the person behind it. */
  roles: z.array(Grant),
  teams: z.array(z.string()),
  credential: z.object({
    kind: z.enum(CREDENTIAL_KINDS),
    /** Of a token. */
    name: z.string().nullable(),
    expiresAt: Timestamp.nullable(),
  }),
})

export const access = {
  whoami: operation({
    method: 'GET',
    path: '/whoami',
    summary: 'Who the token belongs to, and what it may do',
    permission: 'self',
  }).output(Me),
}
