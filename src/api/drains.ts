import * as z from 'zod'
import { Name, Timestamp } from './names.ts'
import { operation } from './operation.ts'

/** Where the log lines of an environment are sent, and how that goes. */
export const Drain = z.object({
  id: z.string(),
  environment: Name,
  kind: z.enum(['otlp', 'syslog']),
  /** Without credentials: those are sealed, as is everything after a question mark. */
  url: z.string(),
  /** Names of the headers that are sent; their values are sealed. */
  headers: z.array(z.string()),
  createdAt: Timestamp,
  createdBy: z.string(),
  state: z.enum(['sending', 'failing']),
  /** Why it fails; null where it does not. */
  problem: z.string().nullable(),
  failingSince: Timestamp.nullable(),
  /** Age of the oldest line that waits to be taken, in seconds; 0 where none waits. */
  behindSeconds: z.number(),
  /** Lines that were taken. */
  sent: z.int(),
  /** Lines that aged out before they could be sent, or were missing from the log already. */
  missing: z.int(),
  /** Lines that the receiver would not have. */
  refused: z.int(),
  lastSentAt: Timestamp.nullable(),
})
export type Drain = z.infer<typeof Drain>

const HeaderName = z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}$/, 'not a name of an HTTP header')
const HeaderValue = z
  .string()
  .max(4096)
  .regex(/^[\x20-\x7e]*$/, 'a header’s value is printable ASCII')
const base = '/environments/{environment}/drains' as const

export const drains = {
  list: operation({
    method: 'GET',
    path: '/drains',
    summary: 'Where log lines are sent, and how that goes',
    permission: 'read',
  })
    .input(z.object({ environment: Name.optional() }))
    .output(z.array(Drain)),
  add: operation({
    method: 'POST',
    path: base,
    summary: 'Send the log lines of an environment to an OTLP or syslog receiver, from now on',
    permission: 'environment:operate',
    objects: { environment: 'environment' },
  })
    .input(
      z.object({
        environment: Name,
        /** `https://…` for OTLP, `syslog+tls://host:port` or `syslog+tcp://host:port` for syslog. */
        url: z.string().min(1).max(2000),
        headers: z
          .record(HeaderName, HeaderValue)
          .refine((headers) => Object.keys(headers).length <= 20, 'at most 20 headers')
          .default({}),
        /** Certificates of the authorities to trust beside the usual ones, PEM. */
        authorities: z.string().max(100_000).optional(),
        /** Whether lines may travel unencrypted to another machine. */
        plain: z.boolean().default(false),
      }),
    )
    .output(Drain),
  remove: operation({
    method: 'DELETE',
    path: `${base}/{id}`,
    summary: 'Stop sending; what was sent stays where it is',
    permission: 'environment:operate',
    objects: { environment: 'environment' },
  })
    .input(z.object({ environment: Name, id: z.string().max(64) }))
    .output(z.object({ id: z.string(), url: z.string() })),
}
