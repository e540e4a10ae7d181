/** What people ask of an app, as new rows: whoever holds the rows writes these. Pure. */
import { newRollout } from './new-rollout.ts'
import { steadyPlan, withPlan } from './plan.ts'
import {
  isOver,
  type Override,
  type Phase,
  type ReleaseFacts,
  type RolloutState,
  type TargetState,
} from './state.ts'

/** Phases in which no decision follows the counts by itself. */
const STANDING: ReadonlySet<Phase> = new Set(['queued', 'release-command', 'asking'])

/** The target with counts by hand; its plan follows at once, unless a rollout works on that. */
export function withCounts(
  target: TargetState,
  overrides: Record<string, Override>,
  release: ReleaseFacts,
  current: RolloutState | null,
): TargetState {
  const next = { ...target, overrides }
  const isStanding = !current || STANDING.has(current.phase)
  return isStanding && target.live === release.number ? withPlan(next, steadyPlan(release, next)) : next
}

/** The target with every process of these names to be replaced. */
export function withRestarts(target: TargetState, processes: readonly string[]): TargetState {
  const restarts = { ...target.plan.restarts }
  for (const name of processes) restarts[name] = (restarts[name] ?? 0) + 1
  return withPlan(target, { ...target.plan, restarts })
}

export function aborted(rollout: RolloutState, by: string): RolloutState {
  return { ...rollout, intent: 'abort', intentBy: by }
}

/** Those that give way to a newer release; what somebody asked of one before stays asked. */
export function superseded(open: readonly RolloutState[], release: number): RolloutState[] {
  return open
    .filter((one) => !isOver(one.phase) && !one.intent)
    .map((one) => ({ ...one, intent: 'supersede' as const, intentBy: `v${release}` }))
}

/** Another try of a rollout that is over; its release command is not run again where it once succeeded. */
export function anotherTry(
  over: RolloutState,
  earlier: readonly RolloutState[],
  begun: { id: string; by: string; now: number },
): RolloutState {
  const { app, environment, release, counts } = over
  const commandDone = earlier.some((one) => one.release === release && one.commandDone)
  return newRollout({ ...begun, app, environment, release, commandDone, counts })
}
