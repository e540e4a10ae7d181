/**
 * The engine port: what the platform asks of whatever runs the apps. Declarative and small: the platform says what
 * should be, the engine says what is. Rollouts, canaries, pipelines and spaces are written once, above it.
 * It deliberately knows no process id, port or Kubernetes word, and starts nothing on its own account.
 */
import type { Artifact, CronSpec, ForeignImage, Platform, ProcessSpec } from '../api/app-spec.ts'
import type { LogLine, LogQuery } from '../api/logs.ts'
import type {
  Difference,
  JobStatus,
  Observation,
  Problem,
  SeenDomain,
  Target,
  UsageSample,
  WantedDomain,
} from '../api/observation.ts'
import type { Overlay } from '../api/overlay.ts'
import type { SplitRule } from '../api/split.ts'
import type { BlobStore } from '../trees/blob-store.ts'
import type { Tree } from '../trees/tree.ts'

export type * from '../api/observation.ts'
export type { Overlay, SpaceDoor } from '../api/overlay.ts'
export type { SplitRule } from '../api/split.ts'

/** One release as the engine runs it. `id` is unique for the target for ever: `v12`, later `v12.my-space`. */
export interface DesiredSet {
  id: string
  release: number
  artifact: Artifact
  /** Everything the processes find in their environment, secrets included; never logged, sealed at rest. */
  config: Record<string, string>
  processes: Record<string, ProcessSpec & { count: number }>
  /** Its workspace follows somebody's files: `workspace` reaches it, and its processes restart in place. */
  live?: LiveSet
}

export interface LiveSet {
  /** Commands that take the place of a process's own, e.g. one that reloads by itself. By process name. */
  commands: Record<string, string>
  /** Processes that reload by themselves: a change of files does not restart them. */
  reloading: string[]
}

export interface DesiredCron extends CronSpec {
  name: string
  /** The set whose artifact and config it runs with. */
  set: string
  graceSeconds: number
}

export interface Desired {
  /** None of a target with a space: it was stopped, calls for it fall through, and its links lead on. */
  sets: DesiredSet[]
  split: SplitRule[]
  crons: DesiredCron[]
  /** Bumped by `restart`: processes started under another epoch are replaced one at a time. By process name. */
  restarts?: Record<string, number>
  /** Whoever comes from outside gets 503 with this sentence, or the engine's own where it is empty; apps go on calling. */
  maintenance?: { message: string }
  /** Names of its own, which no other target has. */
  domains?: WantedDomain[]
  /** How traffic comes to a target with a space; present there, and only there. */
  overlay?: Overlay
}

export interface Job {
  /** At most one start is asked for per key, for ever. */
  key: string
  set: Omit<DesiredSet, 'processes'>
  command: string
  /** For logs: `release`, `run`, `nightly`. */
  process: string
  tty?: { columns: number; rows: number }
  /** Whether it reads what an attached client writes; without, its input is empty. A terminal always does. */
  stdin?: boolean
  cpuMillis?: number
  memoryMegabytes?: number
  timeoutSeconds?: number
}

/**
 * A number, `given` for the one that the process found in PORT, or `debug` for that in TOW_DEBUG_PORT: every process of a
 * live set finds one there that is its own, for whatever debugger its command starts.
 */
export type ForwardPort = number | 'given' | 'debug'

export interface AskedImage {
  /** As a person writes it. */
  reference: string
  /** Where `web` listens, where the image does not tell. */
  port?: number | undefined
}

export interface AdoptedImage {
  image: ForeignImage
  platform: Exclude<Platform, 'any'>
}

/** Both ends of a running job's terminal or pipes. */
export interface Attachment {
  output: AsyncIterable<{ stream: 'stdout' | 'stderr'; data: Uint8Array }>
  write(data: Uint8Array): void
  end(): void
  resize(columns: number, rows: number): void
  signal(name: 'SIGINT' | 'SIGTERM' | 'SIGKILL'): void
  done: Promise<JobStatus>
  /** Leaves the job running. */
  detach(): void
}

export interface Capabilities {
  weights: boolean
  spaces: boolean
  crons: boolean
  terminal: boolean
  metrics: boolean
  cpuLimit: 'enforced' | 'advisory'
  memoryLimit: 'enforced' | 'watched' | 'advisory'
  /** What artifacts run here: the operating system, architecture and language runtimes found. */
  platform: Exclude<Platform, 'any'>
  runtimes: { name: string; version: string }[]
}

/** What there is for everything that runs here, whoever asked for it. */
export interface Capacity {
  /** Whose it is: `this machine`, `2 nodes`; null where the engine is not told. */
  of: string | null
  cpus: number | null
  memoryBytes: number | null
}

export interface Check {
  name: string
  ok: boolean
  message: string
  mend?: string
}

export interface Engine {
  readonly kind: string
  capabilities(): Promise<Capabilities>
  capacity(): Promise<Capacity>
  /** Null when the artifact runs here, else why not and what helps. */
  refuses(artifact: Artifact): Promise<Problem | null>
  /**
   * An image that was made elsewhere, found, pinned and judged before anything moves. REFUSED where it cannot run here,
   * NOT_FOUND where there is none.
   */
  adopt(image: AskedImage): Promise<AdoptedImage>
  /** Null when the target can answer to it here, else why not and what helps; asked before anything moves. */
  refusesDomain(target: Target, domain: WantedDomain): Promise<Problem | null>
  /** Null when the space can have a place of its own here (`Target.apart`), else why not and what helps. */
  refusesApart(space: { environment: string; space: string }): Promise<Problem | null>
  /** Brings the artifact to where it will probably be asked for in a moment, where that takes a while; changes nothing else. */
  sendAhead?(target: Target, artifact: Artifact): Promise<void>
  /** Idempotent; safe to repeat after any crash. Throws CONFLICT for a generation older than the engine's own. */
  apply(target: Target, generation: number, desired: Desired): Promise<void>
  /** Everything of the target is stopped and forgotten once this settles; same fencing as `apply`. */
  remove(target: Target, generation: number): Promise<void>
  observe(target: Target): Promise<Observation>
  /** Every target that the engine knows, newest facts. */
  observeAll(): Promise<Observation[]>
  /** Yields at once, and whenever something changed (at least every 10 s); ends with the signal. */
  watch(target: Target, signal: AbortSignal): AsyncIterable<Observation>
  /** Where the target will answer, before anything runs there; stable for the target. */
  addresses(target: Target): Promise<{ public: string[]; internal: string }>
  /** What is seen of each name that was asked for, read now. */
  domains(target: Target): Promise<SeenDomain[]>
  logs(target: Target, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine>
  /** Starts the job, or tells of the one that was started under this key. */
  run(target: Target, job: Job): Promise<JobStatus>
  job(target: Target, key: string): Promise<JobStatus | null>
  cancel(target: Target, key: string): Promise<void>
  attach(target: Target, key: string): Promise<Attachment>
  /**
   * A stream to the agent of a live set's workspace, over which `src/workspace` is spoken; it is over where the workspace
   * goes. NOT_FOUND where no such set runs.
   */
  workspace(target: Target, set: string): Promise<import('node:stream').Duplex>
  /**
   * A stream to a port of one process of the set, a healthy one where there is any. NOT_FOUND where none runs,
   * UNAVAILABLE where it does not listen there.
   */
  forward(
    target: Target,
    set: string,
    process: string,
    port: ForwardPort,
  ): Promise<import('node:stream').Duplex>
  /** CPU and memory of the last 24 hours, oldest first; empty where the engine measures nothing. */
  samples(target: Target, since: string): Promise<UsageSample[]>
  /** What somebody else changed of what was applied. */
  drift(target: Target): Promise<Difference[]>
  export(target: Target): Promise<string>
  check(): Promise<Check[]>
  close(): Promise<void>
}

/** A kind of engine of which every environment has one of its own, bound to a place by settings. */
export interface EngineBinding {
  /**
   * What a person gave, judged and completed, as it is kept; it holds no secret. BAD_INPUT names what is wrong or missing,
   * UNAVAILABLE says that the place could not be asked.
   */
  settle(given: Settings): Promise<Settings>
  /** Settings with logins lent for more places, or fewer; BAD_INPUT and REFUSED say why one is not taken. */
  lend(settings: Settings, change: { lend: readonly string[]; takeBack: readonly string[] }): Settings
  /** What the settings come down to, for people. */
  facts(settings: Settings): { name: string; value: string }[]
  /** `platform`: its id, by which an engine knows what it made. Nothing is reached before the engine is asked something. */
  open(settings: Settings, platform: string): Promise<Engine>
}

/** Of one kind of engine, which alone knows their shape. */
export type Settings = Readonly<Record<string, unknown>>

/** How an engine reaches the trees and blobs of an artifact; it reads them, and changes nothing. */
export interface ContentSource {
  /** NOT_FOUND where the tree is not kept. */
  tree(hash: string): Promise<Tree>
  blobs: BlobStore
}
