/**
 * What a rollout is made of, as plain data: rows in, rows out. The pure core (`decide`, `transition`, `recognise`)
 * works on these shapes alone, so that a simulator can drive it without a database or a real engine.
 */
import type { RunSpec } from '../../../api/app-spec.ts'
import type { ReleaseSummary } from '../../../api/releases.ts'
import type { Rollout } from '../../../api/rollouts.ts'
import type { JobStatus, Observation, Problem, WantedDomain } from '../../../engines/engine.ts'

export type Phase = Rollout['phase']
export type Outcome = 'failed' | 'aborted' | 'superseded'
export type ReleaseState = ReleaseSummary['state']

export interface PlannedSet {
  release: number
  counts: Record<string, number>
}

/**
 * What the engine should do, without artifacts and secrets: those are looked up by release when the plan is applied,
 * so that nothing secret is ever kept with it.
 */
export interface Plan {
  sets: PlannedSet[]
  /** Set id to weight. No key: nobody is served. */
  weights: Record<string, number>
  /** The release whose crons run. */
  crons: number | null
  /** By process name; bumped by a restart. */
  restarts: Record<string, number>
  /** Nobody comes in from outside, and why. */
  maintenance?: { message: string }
  /** Names of its own that it answers to. */
  domains?: WantedDomain[]
}

export interface Override {
  count: number
  by: string
  at: string
  reason: string | null
}

/** One app in one environment: the row that says what the engine should do. `generation` grows with every new plan. */
export interface TargetState {
  app: string
  environment: string
  generation: number
  plan: Plan
  /** The release that serves; null before the first and after removal. */
  live: number | null
  /** Counts that the source asked for with the last delivery. */
  declared: Record<string, number>
  /** Counts that someone set by hand; they win. */
  overrides: Record<string, Override>
}

export interface RolloutState {
  id: string
  app: string
  environment: string
  release: number
  previous: number | null
  phase: Phase
  message: string
  hint: string | null
  lastLines: string[]
  /** Counts that the source asks for with this release; the target takes them over when it is live. */
  counts: Record<string, number> | null
  /** What someone asked for while it ran. */
  intent: 'abort' | 'supersede' | null
  /** Who asked for that, or which release came. */
  intentBy: string | null
  /** How it will end once everything is undone. */
  outcome: Outcome | null
  /** Why it is undone. */
  reason: string | null
  /** How often the release command was asked for; part of its key. */
  attempt: number
  /** The release command of this release has succeeded. */
  commandDone: boolean
  /** When the engine was first seen to have taken over a generation; time limits count from here. */
  caughtUp: { generation: number; at: number } | null
  /** Since when the engine does not answer. */
  awaySince: number | null
  by: string
  startedAt: number
  endedAt: number | null
  history: { phase: Phase; at: number; message: string }[]
}

/** What the core must know about a release. */
export interface ReleaseFacts {
  number: number
  run: RunSpec
}

/** Why an effect could not be done. `fatal`: trying again can't help. */
export interface Trouble extends Problem {
  fatal: boolean
}

/** Everything that one decision rests on, gathered at once. Times in milliseconds since the epoch. */
export interface Facts {
  now: number
  /** The same, but for the clock being set: what spans of time are counted by. */
  steady: number
  rollout: RolloutState
  target: TargetState
  next: ReleaseFacts
  previous: ReleaseFacts | null
  /** True when no other rollout of the target is under way. */
  turn: boolean
  observation: Observation | null
  /** Why the engine gave no observation. */
  away: string | null
  /** Of the release command's present attempt; null where the engine knows of none. */
  job: JobStatus | null
  trouble: Trouble | null
}

/** What comes next: the whole new state, and what the timeline says about it. Persisted in one transaction. */
export interface Step {
  rollout: RolloutState
  target: TargetState
  event: { kind: string; message: string } | null
}

const OVER: ReadonlySet<Phase> = new Set(['live', 'failed', 'aborted', 'superseded'])

export function isOver(phase: Phase): boolean {
  return OVER.has(phase)
}

/** Neither waiting for its turn nor over. */
export function isActive(phase: Phase): boolean {
  return phase !== 'queued' && !isOver(phase)
}

export function setId(release: number): string {
  return `v${release}`
}

export function commandKey(rollout: Pick<RolloutState, 'id' | 'attempt'>): string {
  return `${rollout.id}-${rollout.attempt}`
}

export const EMPTY_PLAN: Plan = { sets: [], weights: {}, crons: null, restarts: {} }
