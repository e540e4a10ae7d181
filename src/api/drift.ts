import * as z from 'zod'
import { Name, Timestamp } from './names.ts'
import { operation } from './operation.ts'
import { Difference } from './processes.ts'

/** What somebody changed of an app past Towpath, as of the platform's last look. */
export const Drift = z.object({
  app: Name,
  environment: Name,
  differences: z.array(Difference).min(1),
  /** Every one of them is a count, so that all of it can be kept. */
  adoptable: z.boolean(),
  /** When it was first seen. */
  since: Timestamp,
  /** When it was last looked at. */
  lookedAt: Timestamp,
})
export type Drift = z.infer<typeof Drift>

export const drift = {
  list: operation({
    method: 'GET',
    path: '/drift',
    summary: 'Apps of which somebody changed something past Towpath, as of the platform’s last look',
    permission: 'read',
  }).output(z.array(Drift)),
}
