/** The words of the runner's protocol. Sets arrive laid out: the runner knows folders and commands, no artifact. */
import * as z from 'zod'
import { CronSpec, ProcessSpec } from '../api/app-spec.ts'
import { ConfigKey, Name, ReleaseNumber } from '../api/names.ts'
import type { Target } from '../api/observation.ts'
import type { Overlay } from '../api/overlay.ts'
import type { SplitRule } from '../api/split.ts'

export type {
  Addresses,
  CronRun,
  Demand,
  JobStatus,
  LastExit,
  Observation,
  ObservedCron,
  ObservedProcess,
  ObservedSet,
  Passes,
  Problem,
  ProcessState,
  Target,
  UsageSample,
} from '../api/observation.ts'
export type { SplitRule } from '../api/split.ts'

export const SetId = z
  .string()
  .max(80)
  .regex(/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/, 'set ids are lower-case letters, digits, dots and hyphens')
export const TargetShape = z.object({
  app: Name,
  environment: Name,
  space: Name.optional(),
}) as unknown as z.ZodType<Target>

/** A set as it lies on this machine, ready to be started. */
export const PreparedSet = z.object({
  id: SetId,
  release: ReleaseNumber,
  /** Folder that the processes start in. */
  workspace: z.string().startsWith('/'),
  /** Config and the artifact's own variables, expanded; secrets included. */
  env: z.record(ConfigKey, z.string()),
  /** Folders that come first in PATH: the runtime, then tools of the app. */
  path: z.array(z.string().startsWith('/')).max(20),
  /** For `export` and `drift`; means nothing to the runner. */
  artifact: z.string().max(128),
})
export type PreparedSet = z.infer<typeof PreparedSet>

export const CountedProcess = ProcessSpec.extend({ count: z.int().min(0).max(1000) })
export type CountedProcess = z.infer<typeof CountedProcess>
/** Its workspace follows somebody's files: processes restart in place. */
const LiveSet = z.object({
  /** In place of a process's own command. */
  commands: z.record(Name, z.string().min(1).max(8192)),
  /** Processes that reload by themselves. */
  reloading: z.array(Name).max(50),
})

export const DesiredSet = PreparedSet.extend({
  processes: z.record(Name, CountedProcess),
  live: LiveSet.optional(),
})
export type DesiredSet = z.infer<typeof DesiredSet>

export const DesiredCron = CronSpec.extend({
  name: Name,
  set: SetId,
  graceSeconds: z.int().min(0).max(3600),
})
export type DesiredCron = z.infer<typeof DesiredCron>

const SplitRuleShape = z.object({
  match: z.object({ space: Name }).optional(),
  weights: z.record(SetId, z.int().min(0).max(1_000_000)),
  sticky: z
    .union([z.object({ cookie: z.string().max(200) }), z.object({ header: z.string().max(200) })])
    .optional(),
  until: z.number().optional(),
  hold: z.boolean().optional(),
}) as unknown as z.ZodType<SplitRule>

const OverlayShape = z.object({
  door: z
    .object({
      key: z
        .string()
        .min(16)
        .max(200)
        .regex(/^[\w-]+$/, 'the key of a door is base64url'),
      revoked: z.array(z.string().max(64)).max(10_000),
    })
    .optional(),
  banner: z.string().min(1).max(300).optional(),
  swap: z.object({ until: z.number() }).optional(),
}) as unknown as z.ZodType<Overlay>

export const Desired = z.object({
  sets: z.array(DesiredSet).max(200),
  split: z.array(SplitRuleShape).max(200),
  crons: z.array(DesiredCron).max(200),
  restarts: z.record(Name, z.int().min(0)).optional(),
  maintenance: z.object({ message: z.string().max(500) }).optional(),
  /** Hosts of its own that it answers to, beside the one that every target has. */
  domains: z.array(z.string().min(1).max(253)).max(100).optional(),
  /** Of a target with a space, and only there. */
  overlay: OverlayShape.optional(),
})
export type Desired = z.infer<typeof Desired>

export const Generation = z.int().min(1)
export const ApplyBody = z.object({ generation: Generation, desired: Desired })
export const RemoveBody = z.object({ generation: Generation })
export const RestartBody = z.object({ set: SetId })
/** Processes of a live set: those that came up again, and those that ended instead, or took too long. */
export interface Restarted {
  restarted: string[]
  ended: string[]
}
/** `given`: the one in its PORT; `debug`: that in TOW_DEBUG_PORT, which processes of live sets have. */
const ForwardPort = z.union([z.enum(['given', 'debug']), z.coerce.number().int().min(1).max(65_535)])
export type ForwardPort = z.infer<typeof ForwardPort>
export const ForwardOrder = z.object({ set: SetId, process: Name, port: ForwardPort })
export type ForwardOrder = z.infer<typeof ForwardOrder>
export const ShutdownBody = z.object({ apps: z.boolean() })

export const JobBody = z.object({
  key: z.string().min(1).max(200),
  set: PreparedSet,
  command: z.string().min(1).max(8192),
  process: Name,
  tty: z.object({ columns: z.int().min(1).max(1000), rows: z.int().min(1).max(1000) }).optional(),
  stdin: z.boolean().optional(),
  cpuMillis: ProcessSpec.shape.cpuMillis,
  memoryMegabytes: ProcessSpec.shape.memoryMegabytes,
  timeoutSeconds: z.int().min(1).max(604_800).optional(),
})
export type JobBody = z.infer<typeof JobBody>

/** What a target owns on this machine before anything of it runs. */
export interface Ground {
  /** User that its processes run as; null for the user that the runner runs as. */
  uid: number | null
  public: string[]
  internal: string
}

export interface Hello {
  version: number
  pid: number
  startedAt: string
  home: string
}
export const PROTOCOL_VERSION = 1
