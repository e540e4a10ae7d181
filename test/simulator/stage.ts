/** Where a schedule is played: the rows of one app in one environment, in memory or in a real PostgreSQL. */
import type { RunSpec } from '../../src/api/app-spec.ts'
import type { DesiredMaker } from '../../src/platform/features/rollouts/desired.ts'
import type { Journal, Place } from '../../src/platform/features/rollouts/journal.ts'
import type { RolloutState, TargetState } from '../../src/platform/features/rollouts/state.ts'

/** Everything that was kept, read at once. */
export interface Kept {
  target: TargetState
  /** Oldest first. */
  rollouts: RolloutState[]
  /** In the order in which they were committed. */
  events: { kind: string; rollout: string | null; release: number | null }[]
  /** State of every release, by number. */
  releases: Map<number, string>
}

export interface Stage {
  place: Place
  journal: Journal
  desired: DesiredMaker
  read(): Promise<Kept>
  ship(run: RunSpec, whenBusy: 'supersede' | 'queue'): Promise<{ release: number; rollout: string }>
  /** Each answers true where it was acknowledged, false where it was refused. */
  scale(process: string, count: number): Promise<boolean>
  restart(): Promise<boolean>
  abort(rollout: string): Promise<boolean>
  retry(rollout: string): Promise<boolean>
}
