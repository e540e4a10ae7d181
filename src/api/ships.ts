import { eventIterator } from '@orpc/contract'
import * as z from 'zod'
import { Origin } from './app-spec.ts'
import { Digest, Name, ReleaseNumber, Timestamp } from './names.ts'
import { operation } from './operation.ts'
import { IntoSpace } from './spaces.ts'

/**
 * One delivery of one tree: every app is built before any is released. It lives on the platform: a client that goes
 * away changes nothing.
 */
export const ShippedApp = z.object({
  app: Name,
  state: z.enum(['waiting', 'building', 'built', 'releasing', 'live', 'failed', 'unchanged', 'cancelled']),
  build: z.string().nullable(),
  /** In a space: the revision. */
  release: ReleaseNumber.nullable(),
  rollout: z.string().nullable(),
  urls: z.array(z.string()),
  error: z
    .object({ message: z.string(), hint: z.string().optional(), lastLines: z.array(z.string()).default([]) })
    .nullable(),
})
export type ShippedApp = z.infer<typeof ShippedApp>

export const Ship = z.object({
  id: z.string(),
  environment: Name,
  /** The space over the environment that it goes into; null for a release. */
  space: Name.nullable(),
  tree: Digest,
  origin: Origin,
  by: z.string(),
  state: z.enum(['running', 'live', 'failed', 'cancelled']),
  apps: z.array(ShippedApp),
  createdAt: Timestamp,
  endedAt: Timestamp.nullable(),
})
export type Ship = z.infer<typeof Ship>

/** What a follower of a delivery sees. `ship` comes first, and again whenever something in it changed. */
export const ShipUpdate = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ship'), ship: Ship }),
  z.object({ type: z.literal('build-output'), app: Name, text: z.string() }),
  z.object({
    type: z.literal('build-step'),
    app: Name,
    name: z.string(),
    /** Null while it runs. */
    milliseconds: z.number().nullable(),
    reused: z.string().nullable(),
    /** Why it was not. */
    because: z.string().nullable(),
  }),
  z.object({ type: z.literal('rollout'), app: Name, phase: z.string(), message: z.string() }),
])
export type ShipUpdate = z.infer<typeof ShipUpdate>

export const ships = {
  start: operation({
    method: 'POST',
    path: '/ships',
    summary: 'Build apps of a tree and release them, or put them into a space',
    permission: 'app:change',
    objects: { tree: 'tree', inSpace: 'space.name' },
  })
    .input(
      z.object({
        tree: Digest,
        folderName: z.string().max(255),
        /** Made elsewhere, and shipped instead of what the tree would be built to: of the one app that is meant. */
        image: z
          .object({
            reference: z.string().min(1).max(1024),
            /** Where `web` listens, where the image does not tell. */
            port: z.int().min(1).max(65_535).optional(),
          })
          .optional(),
        /** Default: all that the tree declares. */
        apps: z.array(Name).max(200).optional(),
        environment: Name.optional(),
        space: IntoSpace.optional(),
        origin: Origin.default({}),
        /** Whether a newer release waits for a running rollout or replaces it. */
        whenBusy: z.enum(['supersede', 'queue']).default('supersede'),
        rebuild: z.boolean().default(false),
      }),
    )
    .output(Ship),
  get: operation({ method: 'GET', path: '/ships/{id}', summary: 'One delivery', permission: 'read' })
    .input(z.object({ id: z.string().max(64) }))
    .output(Ship),
  ofBuild: operation({
    method: 'GET',
    path: '/builds/{id}/ships',
    summary: 'Deliveries that wait for a build, or went on with what it made, newest first',
    permission: 'read',
  })
    .input(z.object({ id: z.string().max(64) }))
    .output(z.array(Ship)),
  follow: operation({
    method: 'GET',
    path: '/ships/{id}/updates',
    summary: 'A delivery as it happens, until it is over',
    permission: 'read',
  })
    .input(z.object({ id: z.string().max(64) }))
    .output(eventIterator(ShipUpdate)),
  cancel: operation({
    method: 'POST',
    path: '/ships/{id}/cancel',
    summary: 'Stop a delivery: builds end, rollouts under way are aborted',
    permission: 'app:change',
    objects: { ship: 'id' },
  })
    .input(z.object({ id: z.string().max(64) }))
    .output(Ship),
}
