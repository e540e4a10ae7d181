import * as z from 'zod'
import { Artifact, Origin } from './app-spec.ts'
import { Digest, Name, Timestamp } from './names.ts'
import { operation } from './operation.ts'

export const BuildState = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled'])

export const BuildStep = z.object({
  name: z.string(),
  startedAt: Timestamp,
  endedAt: Timestamp.nullable(),
  /** Why it was not run again. */
  reused: z.string().nullable(),
  /** Why it was, where what was made before might have done. */
  because: z.string().nullable(),
  failed: z.boolean(),
})

export const Build = z.object({
  id: z.string(),
  app: Name,
  state: BuildState,
  tree: Digest,
  origin: Origin,
  by: z.string(),
  because: z.string().nullable(),
  steps: z.array(BuildStep),
  artifact: z.string().nullable(),
  /** True where an earlier build with the same inputs gave the artifact. */
  reused: z.boolean(),
  error: z
    .object({ message: z.string(), hint: z.string().optional(), lastLines: z.array(z.string()) })
    .nullable(),
  createdAt: Timestamp,
  startedAt: Timestamp.nullable(),
  endedAt: Timestamp.nullable(),
})
export type Build = z.infer<typeof Build>

export const builds = {
  list: operation({ method: 'GET', path: '/builds', summary: 'Builds, newest first', permission: 'read' })
    .input(z.object({ app: Name.optional(), limit: z.int().min(1).max(500).default(20) }))
    .output(z.array(Build)),
  get: operation({
    method: 'GET',
    path: '/builds/{id}',
    summary: 'One build with its steps',
    permission: 'read',
  })
    .input(z.object({ id: z.string().max(64) }))
    .output(Build),
  log: operation({
    method: 'GET',
    path: '/builds/{id}/log',
    summary: 'What a build wrote',
    permission: 'read',
  })
    .input(z.object({ id: z.string().max(64) }))
    .output(z.object({ text: z.string(), truncated: z.boolean() })),
  cancel: operation({
    method: 'POST',
    path: '/builds/{id}/cancel',
    summary: 'End a build',
    permission: 'app:change',
    objects: { build: 'id' },
  })
    .input(z.object({ id: z.string().max(64) }))
    .output(Build),
  artifact: operation({
    method: 'GET',
    path: '/artifacts/{digest}',
    summary: 'One artifact',
    permission: 'read',
  })
    .input(z.object({ digest: Digest }))
    .output(Artifact),
  sbom: operation({
    method: 'GET',
    path: '/artifacts/{digest}/sbom',
    summary: 'The CycloneDX document of an artifact',
    permission: 'read',
  })
    .input(z.object({ digest: Digest }))
    .output(z.record(z.string(), z.unknown())),
}
