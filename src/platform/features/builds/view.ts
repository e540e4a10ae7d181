import type { Build } from '../../../api/builds.ts'
import type { BuildRow } from './store.ts'

/** A row as the contract shows it. */
export function viewOf(row: BuildRow): Build {
  return {
    id: row.id,
    app: row.app,
    state: row.state,
    tree: row.tree,
    origin: row.origin,
    by: row.requested_by,
    because: row.because,
    // Those of an earlier version do not say why.
    steps: row.steps.map((step) => ({ ...step, because: step.because ?? null })),
    artifact: row.artifact,
    reused: row.reused,
    error: row.error,
    createdAt: row.created_at.toISOString(),
    startedAt: row.started_at?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
  }
}
