import * as z from 'zod'
import { ConfigKey, Name, Timestamp } from './names.ts'

/** What becomes of lines that come faster than they may be kept: the process waits, or they are counted and dropped. */
export const LogPolicy = z.enum(['block', 'drop'])
/** A server that waits for its log serves nobody meanwhile; why in docs/decisions. */
export const DEFAULT_LOG_POLICY: z.infer<typeof LogPolicy> = 'drop'

/** How one entry of the Procfile or of tow.yaml runs. Counts are not here: they are no part of a release. */
export const ProcessSpec = z.object({
  /** Run by `sh -c` in the workspace, with `$PORT` where the process takes traffic. */
  command: z.string().min(1).max(8192),
  /** Path of an HTTP check that answers 2xx or 3xx when ready. Without one, an open port is enough. Only for `web`. */
  health: z.string().startsWith('/').max(1024).optional(),
  /** Seconds a new process has until it is healthy. */
  bootSeconds: z.int().min(1).max(3600).default(60),
  /** Seconds between SIGTERM and SIGKILL. */
  graceSeconds: z.int().min(0).max(3600).default(30),
  /** Thousandths of a core. */
  cpuMillis: z.int().min(1).max(1_024_000).optional(),
  memoryMegabytes: z.int().min(4).max(4_194_304).optional(),
  /** Share of a large set that moves at a time, in percent. */
  surgePercent: z.int().min(1).max(100).default(25),
  logs: LogPolicy.optional(),
})
export type ProcessSpec = z.infer<typeof ProcessSpec>

export const CronSpec = z.object({
  command: z.string().min(1).max(8192),
  /** Five fields, as crontab(5). */
  schedule: z.string().max(200),
  /** IANA name. */
  timezone: z.string().max(64).default('UTC'),
})
export type CronSpec = z.infer<typeof CronSpec>

/** What the app expects in its environment; checked before anything starts. */
export const VariableSpec = z.object({
  required: z.boolean().default(false),
  secret: z.boolean().default(false),
  /** Made up by the platform, once per environment, where nobody set a value. */
  generated: z.boolean().default(false),
  default: z.string().max(65_536).optional(),
  description: z.string().max(1000).optional(),
})
export type VariableSpec = z.infer<typeof VariableSpec>

/** Everything a release knows about running the app, frozen when the release is made. */
export const RunSpec = z.object({
  /** `web` takes traffic. `release` is never in here. */
  processes: z.record(Name, ProcessSpec),
  /** Runs once per release, before the new set starts. */
  releaseCommand: z.string().max(8192).optional(),
  crons: z.record(Name, CronSpec).default({}),
  variables: z.record(ConfigKey, VariableSpec).default({}),
  /** Other apps, and things that are run for it (`postgres`). */
  needs: z.array(Name).max(50).default([]),
})
export type RunSpec = z.infer<typeof RunSpec>

/** Where an artifact runs. `any` means no native code was found in it. */
export const Platform = z.union([
  z.literal('any'),
  z.object({
    os: z.enum(['linux', 'darwin']),
    arch: z.enum(['x64', 'arm64']),
    libc: z.enum(['glibc', 'musl']).optional(),
  }),
])
export type Platform = z.infer<typeof Platform>

/** The language runtime that the result needs beside it. `none`: a self-contained binary. */
export const Runtime = z.object({
  name: z.enum(['node', 'python', 'ruby', 'none']),
  /** Version that the build used, e.g. `20.20.2`. */
  version: z.string().max(64),
  /** What the app accepts, a semver range; an engine's runtime must satisfy it. */
  range: z.string().max(256),
})
export type Runtime = z.infer<typeof Runtime>

export const Layer = z.object({
  kind: z.enum(['dependencies', 'app']),
  /** Hash of the tree that the layer is kept as; it is laid out in `workdir`. */
  tree: z.string(),
  /** SHA-256 of the uncompressed tar, `sha256:...`, as an OCI image config lists it. */
  diffId: z.string(),
  /** SHA-256 and size in bytes of the packed layer, as an OCI manifest lists it. */
  digest: z.string(),
  size: z.int(),
})
export type Layer = z.infer<typeof Layer>

/** An image that was made elsewhere. It brings its own files, variables and user, so that nothing is put over it. */
export const ForeignImage = z.object({
  /** Pinned: `ghcr.io/team/app@sha256:...`. */
  reference: z.string().max(1024),
  /** What it runs by itself, as a shell would read it. A process with this very command needs no shell. */
  command: z.string().max(8192).optional(),
  /** Where `web` listens; also told to it as `$PORT`. */
  port: z.int().min(1).max(65_535),
  /** By number, as it says itself; never root. */
  user: z.int().min(1),
  group: z.int().min(0).optional(),
})
export type ForeignImage = z.infer<typeof ForeignImage>

/** The immutable result of a build. The same inputs give the same digest; who built it and when is kept beside it. */
export const Artifact = z.object({
  /** SHA-256 over all that follows. */
  digest: z.string(),
  /** Lowest first. */
  layers: z.array(Layer),
  config: z.object({
    workdir: z.literal('/workspace'),
    /**
     * What the language's tools need to find their own; `$WORKSPACE` stands for the folder that the engine chose, and
     * in `PATH` alone `$PATH` for the engine's own, e.g. `$WORKSPACE/node_modules/.bin:$PATH`. The app's config wins.
     */
    env: z.record(z.string(), z.string()),
  }),
  platform: Platform,
  runtime: Runtime,
  /** Instead of layers. */
  image: ForeignImage.optional(),
  /** Commands found in the source (Procfile, package.json, ...) by process name. */
  run: RunSpec,
  /** Digest of the CycloneDX document in the blob store. */
  sbom: z.string(),
})
export type Artifact = z.infer<typeof Artifact>

/** Where the source came from. */
export const Origin = z.object({
  commit: z.string().max(64).optional(),
  branch: z.string().max(255).optional(),
  /** True where the working copy differed from the commit. */
  dirty: z.boolean().optional(),
  /** First line of the commit's message. */
  subject: z.string().max(500).optional(),
  committedAt: Timestamp.optional(),
})
export type Origin = z.infer<typeof Origin>
