/** A stage over a real PostgreSQL: the real store, transactions and changes, as the platform puts them together. */
import type { RunSpec } from '../../src/api/app-spec.ts'
import { TowError } from '../../src/api/errors.ts'
import {
  createReleases,
  type Releases,
  releaseMigrations,
} from '../../src/platform/features/releases/index.ts'
import {
  createRollouts,
  type Rollouts,
  rolloutMigrations,
} from '../../src/platform/features/rollouts/index.ts'
import { createJournal, type Place } from '../../src/platform/features/rollouts/journal.ts'
import { findTarget, listRollouts } from '../../src/platform/features/rollouts/store.ts'
import type { Actor } from '../../src/platform/kernel/actor.ts'
import { ADA, artifact } from '../control.ts'
import { openTestDatabase, type TestDatabase } from '../database.ts'
import type { Stage } from './stage.ts'

/** What no row and no event may hold. */
export const SECRET = 'correct-horse-battery-staple'
const MOST = 1000

export interface StoreStages {
  stage(place: Place, now: () => number): Stage
  test: TestDatabase
  close(): Promise<void>
}

/** Any number of stages, each an app of its own, in one database. */
export async function openStoreStages(): Promise<StoreStages> {
  const test = await openTestDatabase([...releaseMigrations, ...rolloutMigrations])
  return {
    test,
    stage: (place, now) => createStoreStage(test, place, now),
    close: test.close,
  }
}

function createStoreStage({ database, db }: TestDatabase, place: Place, now: () => number): Stage {
  const { app, environment } = place
  const clock = { now: () => new Date(now()) }
  const snapshot = async () => ({ plain: {}, secrets: { TOKEN: 1 }, missing: [] })
  let rollouts: Rollouts
  const releases: Releases = createReleases({
    database,
    clock,
    live: (within, ...of) => rollouts.live(within, ...of),
    snapshot,
    deliver: (change, delivery) => rollouts.deliver(change, delivery),
  })
  // Never started: the simulator looks in its stead.
  rollouts = createRollouts({
    database,
    clock,
    releases,
    engines: async () => {
      throw new Error('the simulator has the engine')
    },
    requireEnvironment: async () => undefined,
    snapshot,
    refusedNeeds: async () => [],
    injectedNames: () => [],
    config: async () => ({ TOKEN: SECRET }),
    needs: async () => ({}),
    onError: (error) => {
      throw error
    },
  })

  /** True where it was done; false where it was refused. Anything else is a fault. */
  async function asked(work: Parameters<typeof database.change<unknown>>[1], actor: Actor = ADA) {
    try {
      await database.change(actor, work)
      return true
    } catch (error) {
      if (error instanceof TowError && error.code !== 'INTERNAL') return false
      throw error
    }
  }

  return {
    place,
    journal: createJournal({ database, clock, releases }),
    desired: rollouts.desired,
    async read() {
      const rows = await listRollouts(db, { app, environment, limit: MOST })
      const events = await db
        .selectFrom('events')
        .select(['kind', 'release', 'facts'])
        .where('app', '=', app)
        .orderBy('position')
        .execute()
      const known = await releases.list(db, app, environment, MOST)
      const target = await findTarget(db, app, environment)
      if (!target) throw new Error(`${app} was never delivered`)
      return {
        target,
        rollouts: rows.reverse().map((row) => row.state),
        events: events.map(({ kind, release, facts }) => ({
          kind,
          release,
          rollout: (facts as { rollout?: string }).rollout ?? null,
        })),
        releases: new Map(known.map(({ number, state }) => [number, state])),
      }
    },
    async ship(run: RunSpec, whenBusy) {
      const { release, rollout } = await database.change(ADA, (change) =>
        rollouts.deliver(change, {
          ...place,
          content: artifact(),
          run,
          reason: 'ship',
          description: 'Ship it',
          origin: {},
          by: ADA.name,
          whenBusy,
        }),
      )
      return { release: release.number, rollout }
    },
    scale: (process, count) =>
      asked((change) => rollouts.scale(change, { ...place, counts: { [process]: count }, by: ADA.name })),
    restart: () => asked((change) => rollouts.restart(change, app, environment, undefined)),
    abort: (id) => asked((change) => rollouts.abort(change, id, ADA.name)),
    retry: (id) => asked((change) => rollouts.retry(change, id, ADA.name)),
  }
}
