import * as z from 'zod'
import { Name, Timestamp } from './names.ts'
import { operation } from './operation.ts'

/** As a person writes it; the platform judges it and keeps it in lower case, in ASCII. */
const Written = z.string().min(1).max(255)

/** What the environment's engine keeps certificates under. */
const CertificateName = z
  .string()
  .max(253)
  .regex(
    /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/,
    'names of certificates are lower-case letters, digits, dots and hyphens',
  )

export const Finding = z.object({
  message: z.string(),
  /** The command that mends it, or whom to ask for what. */
  hint: z.string().nullable(),
})

/** A name of one's own under which an app answers in an environment. */
export const Domain = z.object({
  host: z.string(),
  app: Name,
  environment: Name,
  certificate: z.string().nullable(),
  /** Of the certificate; null where there is none, or none that can be read. */
  expiresAt: Timestamp.nullable(),
  /** Where it answers. */
  url: z.string().nullable(),
  /**
   * `ready`: whoever asks for the name gets the app. `pending`: nobody has to do anything. `attention`: somebody has to.
   * `unknown`: the engine did not answer.
   */
  state: z.enum(['ready', 'pending', 'attention', 'unknown']),
  dns: z.object({
    /** Addresses that the name leads to. */
    leadsTo: z.array(z.string()),
    /** Addresses or names that it has to lead to. */
    wanted: z.array(z.string()),
    /** Null where either is not known. */
    agrees: z.boolean().nullable(),
  }),
  findings: z.array(Finding),
  createdAt: Timestamp,
  createdBy: z.string(),
})
export type Domain = z.infer<typeof Domain>

const OfApp = z.object({ app: Name, environment: Name })
const base = '/apps/{app}/environments/{environment}/domains' as const

export const domains = {
  list: operation({
    method: 'GET',
    path: '/domains',
    summary: 'Names of one’s own, whether they lead to their apps, and what to do where they don’t',
    permission: 'read',
  })
    .input(z.object({ app: Name.optional(), environment: Name.optional() }))
    .output(z.array(Domain)),
  add: operation({
    method: 'POST',
    path: base,
    summary: 'Let an app answer to a name of one’s own; again with another certificate to change that',
    permission: 'app:change',
    objects: { app: 'app', environment: 'environment' },
  })
    .input(OfApp.extend({ host: Written, certificate: CertificateName.optional() }))
    .output(z.object({ host: z.string(), certificate: z.string().nullable() })),
  remove: operation({
    method: 'DELETE',
    path: `${base}/{host}`,
    summary: 'The app no longer answers to the name',
    permission: 'app:change',
    objects: { app: 'app', environment: 'environment' },
  })
    .input(OfApp.extend({ host: Written }))
    .output(z.object({ host: z.string(), certificate: z.string().nullable() })),
}
