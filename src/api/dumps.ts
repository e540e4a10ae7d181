import * as z from 'zod'
import { Name, Timestamp } from './names.ts'
import { operation } from './operation.ts'

/** The largest dump that is kept, in bytes. */
export const MOST_DUMP_BYTES = 4 * 1024 ** 3

export const Dump = z.object({
  name: Name,
  /** Whose databases it can fill. */
  app: Name,
  /** Where it was taken, or for which somebody brought it. */
  environment: Name,
  state: z.enum(['taking', 'ready', 'failed']),
  /** Why it failed; null otherwise. */
  problem: z.string().nullable(),
  bytes: z.number(),
  by: z.string(),
  at: Timestamp,
})
export type Dump = z.infer<typeof Dump>

export const dumps = {
  list: operation({
    method: 'GET',
    path: '/dumps',
    summary: 'Named dumps, from which databases of spaces are filled',
    permission: 'read',
  }).output(z.array(Dump)),
  take: operation({
    method: 'POST',
    path: '/dumps',
    summary: 'Take a dump of an app’s database, for spaces; it goes on by itself',
    permission: 'environment:operate',
    objects: { environment: 'environment' },
  })
    .input(z.object({ name: Name, app: Name, environment: Name }))
    .output(Dump),
  remove: operation({
    method: 'DELETE',
    path: '/dumps/{name}',
    summary: 'Remove a dump; databases that were filled from it stay',
    permission: 'app:change',
    objects: { app: 'app', environment: 'environment' },
  })
    .input(z.object({ name: Name, app: Name, environment: Name }))
    .output(Dump),
}
