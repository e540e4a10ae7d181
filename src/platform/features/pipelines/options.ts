import type { Engine } from '../../../engines/engine.ts'
import type { Database, Queries, Within } from '../../kernel/database.ts'
import type { Releases, ReleaseWithState } from '../releases/index.ts'
import type { Rollouts } from '../rollouts/index.ts'

export interface PipelinesOptions {
  database: Database
  engines: (environment: string) => Promise<Engine>
  /** Names in the order of the pipeline. */
  order: (db: Queries | Within) => Promise<string[]>
  releases: Releases
  rollouts: Pick<Rollouts, 'deliver' | 'refusals' | 'live' | 'serving'>
  /** Counts that the source of the release asks for in that environment; null where it is not known any more. */
  countsFor: (
    db: Queries | Within,
    release: ReleaseWithState,
    environment: string,
  ) => Promise<Record<string, number> | null>
}
