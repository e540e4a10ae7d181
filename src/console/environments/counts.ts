/** Counts that somebody changed, and those from before: what the ways back from settling a drift set. Pure. */
import type { Drift } from '../../api/drift.ts'
import type { ProcessList } from '../../api/processes.ts'

/** By process; null: as the source says. */
export type Counts = Record<string, number | null>

/** What was changed, where all of it is counts; null where anything of it is not Towpath’s to make again. */
export function changedCounts(differences: Drift['differences']): Counts | null {
  const counts = differences.flatMap(({ count }) => (count ? [[count.process, count.count] as const] : []))
  const isAll = counts.length === differences.length && counts.length > 0
  return isAll ? Object.fromEntries(counts) : null
}

/** What these processes were asked for before: a count by hand, or what the source says. */
export function countsBefore(
  processes: readonly string[],
  overrides: Pick<ProcessList['overrides'][number], 'process' | 'count'>[],
): Counts {
  const byHand = new Map(overrides.map(({ process, count }) => [process, count]))
  return Object.fromEntries(processes.map((process) => [process, byHand.get(process) ?? null]))
}
