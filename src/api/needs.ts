import * as z from 'zod'
import { Name, Timestamp } from './names.ts'
import { operation } from './operation.ts'

export const NeededDatabase = z.object({
  app: Name,
  environment: Name,
  /** Of the app's copy in this space; null for the environment's own. */
  space: Name.nullable(),
  kind: z.literal('postgres'),
  database: z.string(),
  role: z.string(),
  createdAt: Timestamp,
  /** True when the app was removed and the data kept. */
  kept: z.boolean(),
})
export type NeededDatabase = z.infer<typeof NeededDatabase>

export const needs = {
  list: operation({
    method: 'GET',
    path: '/needs',
    summary: 'What is run for apps',
    permission: 'read',
  }).output(z.array(NeededDatabase)),
  connect: operation({
    method: 'POST',
    path: '/apps/{app}/environments/{environment}/needs/postgres/connect',
    summary: 'How to open an app’s database; who asked is in the timeline',
    permission: 'app:secret',
    objects: { app: 'app', environment: 'environment', inSpace: 'space' },
    replays: false,
  })
    .input(z.object({ app: Name, environment: Name, space: Name.optional() }))
    .output(z.object({ url: z.string() })),
  remove: operation({
    method: 'DELETE',
    path: '/apps/{app}/environments/{environment}/needs/postgres',
    summary: 'Drop the database of an app that is gone; cannot be undone',
    permission: 'environment:operate',
    objects: { environment: 'environment' },
  })
    .input(z.object({ app: Name, environment: Name, confirm: z.string().max(128) }))
    .output(z.object({ database: z.string() })),
}
