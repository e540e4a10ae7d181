import * as z from 'zod'
import { ConfigKey, Name, ReleaseNumber, Timestamp } from './names.ts'
import { operation } from './operation.ts'

export const ConfigEntry = z.object({
  key: ConfigKey,
  secret: z.boolean(),
  /** Null for a secret. */
  value: z.string().nullable(),
  version: z.int(),
  /** `set` by someone, from the `file` of whoever develops it, `generated`, a `default` of the source, `need` or `platform`. */
  source: z.enum(['set', 'file', 'generated', 'default', 'need', 'platform']),
  by: z.string().nullable(),
  at: Timestamp.nullable(),
})
export type ConfigEntry = z.infer<typeof ConfigEntry>

const OfApp = z.object({ app: Name, environment: Name })
const Changed = z.object({
  changed: z.array(ConfigKey),
  /** Kept as secrets because of their name or value, though nobody said so; `secret: false` makes such a key plain. */
  guessedSecrets: z.array(ConfigKey),
  /** Null where the app has no release yet, or nothing changed. */
  release: ReleaseNumber.nullable(),
  rollout: z.string().nullable(),
})

export const config = {
  list: operation({
    method: 'GET',
    path: '/apps/{app}/environments/{environment}/config',
    summary: 'Config of an app in an environment; secrets without their values',
    permission: 'read',
  })
    .input(OfApp)
    .output(z.array(ConfigEntry)),
  set: operation({
    method: 'PATCH',
    path: '/apps/{app}/environments/{environment}/config',
    summary: 'Set and unset keys together; makes one release',
    permission: 'app:change',
    objects: { app: 'app', environment: 'environment' },
    bodyMegabytes: 40,
  })
    .input(
      OfApp.extend({
        set: z
          .record(ConfigKey, z.object({ value: z.string().max(65_536), secret: z.boolean().optional() }))
          .default({}),
        unset: z.array(ConfigKey).max(500).default([]),
      }),
    )
    .output(Changed),
  reveal: operation({
    method: 'POST',
    path: '/apps/{app}/environments/{environment}/config/{key}/reveal',
    summary: 'The value of a secret; who asked is in the timeline',
    permission: 'app:secret',
    objects: { app: 'app', environment: 'environment' },
    replays: false,
  })
    .input(OfApp.extend({ key: ConfigKey }))
    .output(z.object({ key: ConfigKey, value: z.string() })),
  rotateKey: operation({
    method: 'POST',
    path: '/keys/rotate',
    summary: 'Make a new key and encrypt every secret with it',
    permission: 'platform:administer',
  }).output(z.object({ secrets: z.int(), key: z.string() })),
}
