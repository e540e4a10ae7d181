/** Counts and plans: what a release asks for when nothing is in motion, and how plans are compared. Pure. */
import type { RunSpec } from '../../../api/app-spec.ts'
import {
  type Facts,
  type Plan,
  type PlannedSet,
  type ReleaseFacts,
  setId,
  type TargetState,
} from './state.ts'

/** The process that takes traffic. */
export const WEB = 'web'
/** Sets up to this size move in one step: a share of them is hardly less than the whole. */
const SMALL_SET = 3

/** By hand, else what the source asked for, else one of each. Only processes that the release has. */
export function wantedCounts(
  run: Pick<RunSpec, 'processes'>,
  target: Pick<TargetState, 'declared' | 'overrides'>,
): Record<string, number> {
  return Object.fromEntries(
    Object.keys(run.processes).map((name) => [
      name,
      target.overrides[name]?.count ?? target.declared[name] ?? 1,
    ]),
  )
}

/** The target as the release sees it: one that rolls out brings counts of its own. */
export function targetFor(facts: Pick<Facts, 'rollout' | 'target'>, release: number): TargetState {
  const { rollout, target } = facts
  return rollout.release === release && rollout.counts ? { ...target, declared: rollout.counts } : target
}

/** How many processes of a set of `total` are replaced at a time. */
export function stepSize(total: number, surgePercent: number): number {
  return total <= SMALL_SET ? Math.max(1, total) : Math.ceil((total * surgePercent) / 100)
}

/** What should be when one release serves and nothing moves. */
export function steadyPlan(release: ReleaseFacts | null, target: TargetState): Plan {
  const asked = askedByHand(target.plan)
  if (!release) return { sets: [], weights: {}, crons: null, ...asked }
  const counts = wantedCounts(release.run, target)
  return {
    sets: [{ release: release.number, counts }],
    weights: (counts[WEB] ?? 0) > 0 ? { [setId(release.number)]: 1 } : {},
    crons: release.number,
    ...asked,
  }
}

/** What people asked for beside releases and counts: every plan carries it on. */
export function askedByHand({
  restarts,
  maintenance,
  domains,
}: Plan): Omit<Plan, 'sets' | 'weights' | 'crons'> {
  return { restarts, ...(maintenance ? { maintenance } : {}), ...(domains ? { domains } : {}) }
}

export function plannedCounts(plan: Plan, release: number): Record<string, number> {
  return plan.sets.find((set) => set.release === release)?.counts ?? {}
}

/** The target with another plan; the same target where the plan is the same. */
export function withPlan(target: TargetState, plan: Plan): TargetState {
  return samePlan(target.plan, plan) ? target : { ...target, plan, generation: target.generation + 1 }
}

export function samePlan(one: Plan, other: Plan): boolean {
  return (
    one.crons === other.crons &&
    one.maintenance?.message === other.maintenance?.message &&
    sameDomains(one.domains, other.domains) &&
    sameNumbers(one.weights, other.weights) &&
    sameNumbers(one.restarts, other.restarts) &&
    one.sets.length === other.sets.length &&
    one.sets.every((set) => other.sets.some((candidate) => sameSet(set, candidate)))
  )
}

function sameDomains(one: Plan['domains'] = [], other: Plan['domains'] = []): boolean {
  return (
    one.length === other.length &&
    one.every(({ host, certificate }) =>
      other.some((candidate) => candidate.host === host && candidate.certificate === certificate),
    )
  )
}

function sameSet(one: PlannedSet, other: PlannedSet): boolean {
  return one.release === other.release && sameNumbers(one.counts, other.counts)
}

function sameNumbers(one: Record<string, number>, other: Record<string, number>): boolean {
  const keys = Object.keys(one)
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key])
}
