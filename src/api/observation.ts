/** What is seen of a target: the words in which an engine, and the runner behind one, say what is. Shapes only. */
import type { SplitRule } from './split.ts'

export interface Target {
  app: string
  environment: string
  /** The app's copy in a space over the environment; without one, the environment's own. */
  space?: string
  /**
   * Whatever is started for the space is to be in a place of the space's own, where the engine has such; it is had from the
   * first of its copies to the last. What is started already is found without this.
   */
  apart?: boolean
}

/** Something that is not as it was applied: somebody else changed it. */
export interface Difference {
  /** One sentence that names the thing, what it is, and what was asked for. */
  message: string
  /** What it means where Towpath has a word for it, so that it can be kept: how many of a process run. */
  count?: { set: string; process: string; count: number }
}

/** Why a process is not what was asked for, in words for a developer. */
export interface Problem {
  /** e.g. `crash-loop`, `not-listening`, `wrong-port`, `only-ipv6`, `unhealthy`, `memory`, `runtime-missing`, `layout-failed`. */
  code: string
  message: string
  hint?: string
  /** The last lines it wrote, oldest first. */
  lastLines?: string[]
}

export type ProcessState = 'starting' | 'healthy' | 'unhealthy' | 'stopping' | 'waiting' | 'crashed'

export interface LastExit {
  code?: number
  signal?: string
  at: string
  reason: string
}

export interface ObservedProcess {
  /** Stable for the life of the process, e.g. `web.1-7f3a`. */
  id: string
  process: string
  set: string
  state: ProcessState
  startedAt: string
  restarts: number
  cpuPercent?: number
  memoryBytes?: number
  lastExit?: LastExit
  problem?: Problem
}

export interface ObservedSet {
  id: string
  processes: ObservedProcess[]
  /**
   * Requests under way, without event streams and upgraded connections, which the engine ends itself; 0 where it cannot
   * tell and nothing is routed to it.
   */
  inFlight: number
  problem?: Problem
}

export interface CronRun {
  at: string
  state: 'running' | 'succeeded' | 'failed' | 'missed' | 'skipped' | 'unknown'
  exit?: number
  reason?: string
}

export interface ObservedCron {
  name: string
  set: string
  nextAt: string | null
  lastRun?: CronRun
}

export interface Addresses {
  /** For people. */
  public: string[]
  /** For calls between apps. */
  internal: string | null
}

export interface Observation {
  target: Target
  /** When this was true, ISO 8601. */
  at: string
  /** The generation whose desired state the engine has taken over; 0 before the first. */
  generation: number
  /** True when everything of `generation` is as asked for: counts, health, split, nothing left to stop. */
  settled: boolean
  sets: ObservedSet[]
  /** What the router really does now. */
  split: SplitRule[]
  crons: ObservedCron[]
  /** For people, and for calls between apps. */
  addresses: Addresses
  /** Where it is, in words, where that is apart from its environment: `the namespace stage--mine-3f2a91`. */
  place?: string
  /** What is wrong with the target as a whole, e.g. a port that another program took. */
  problems?: Problem[]
  /** Of a target with a space, where the engine's router counts. */
  demand?: Demand
  /** Whether it passes on in which space it was asked, where that was ever asked of it. */
  passes?: Passes
}

/** What the router saw of an app that was asked in spaces, and of the calls that it made then. */
export interface Passes {
  /** Requests in a space. */
  asked: number
  /** Whether every call between apps is seen; else an app in between may have been the one that lost it. */
  seesAll: boolean
  to: PassedTo[]
}

export interface PassedTo {
  app: string
  /** Calls that carried the space, those of the same trace that did not, and those without any trace meanwhile. */
  kept: number
  lost: number
  untraced: number
  /** The last that carried none, ISO 8601. */
  at: string | null
}

/** What the router saw of requests for a target with a space. */
export interface Demand {
  /** The last request's beginning or end, ISO 8601; null before the first. */
  lastAskedAt: string | null
  /** Requests that wait for a set to come up. */
  waiting: number
}

/** A name of its own that a target is to answer to, beside those that the engine gives. */
export interface WantedDomain {
  /** Lower case, ASCII. */
  host: string
  /** What the engine keeps the certificate under that is shown for it; without one, none is asked for. */
  certificate?: string
}

/** What is seen of one. */
export interface SeenDomain {
  host: string
  url: string
  /** Whether requests for it are let in; null where that can't be seen. */
  isTaken: boolean | null
  /** Addresses or names that it has to lead to, where they are known. */
  entrances: string[]
  /** When the certificate that was asked for ends. */
  expiresAt: string | null
  /** Why it does not answer, each with what helps. Without one, what is missing comes by itself. */
  problems: Problem[]
}

/** Means over `seconds` that end at `at`. */
export interface UsageSample {
  at: string
  seconds: number
  instance: string
  process: string
  set: string
  cpuPercent: number
  memoryBytes: number
}

export interface JobStatus {
  key: string
  state: 'running' | 'succeeded' | 'failed' | 'unknown'
  exit?: number
  signal?: string
  startedAt?: string
  endedAt?: string
  /** One sentence when it did not succeed. */
  reason?: string
  lastLines?: string[]
}
