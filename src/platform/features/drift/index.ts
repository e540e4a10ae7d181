/**
 * Notices drift: what somebody changed of an app past Towpath. Looked for now and then, written down with an event where
 * it is found or gone, and never put back by itself: whoever did it may have had a reason.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Drift } from '../../../api/drift.ts'
import type { Difference } from '../../../api/processes.ts'
import { PLATFORM } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { type Loop, startLoop } from '../../kernel/loop.ts'
import { operations } from '../../kernel/operations.ts'
import { due, find, keyOf, lasting, type Place } from './rules.ts'
import { type DriftRow, deleteDrift, listDrift, migrations, putDrift } from './store.ts'

export interface DriftOptions {
  database: Database
  clock: Clock
  /** What the engine says of an app now; UNAVAILABLE where it does not answer. */
  compare: (app: string, environment: string) => Promise<Difference[]>
  /** What serves, everywhere or there alone. */
  places: (db: Queries | Within, filter?: { app?: string; environment?: string }) => Promise<Place[]>
  onError: (error: unknown) => void
  /** Milliseconds between looks at what is due. */
  lookEvery?: number
  /** Milliseconds between the two looks that both have to find it. */
  confirmAfter?: number
}

const LOOK_EVERY = 30_000
const CONFIRM_AFTER = 5_000

export function createDrift(options: DriftOptions) {
  const { database, clock, compare, places, onError } = options
  const { lookEvery = LOOK_EVERY, confirmAfter = CONFIRM_AFTER } = options
  const { db } = database
  const now = () => clock.now()
  let loop: Loop | null = null

  async function look(place: Place, signal: AbortSignal): Promise<void> {
    const { app, environment } = place
    const first = await compare(app, environment)
    if (first.length > 0) await pause(confirmAfter, null, { signal })
    const found = first.length === 0 ? [] : lasting(first, await compare(app, environment))
    await database.change(PLATFORM, async (change) => {
      // Changed meanwhile: what was seen says nothing of what is wanted now.
      const [wanted] = await places(change.db, { app, environment })
      if (!wanted || wanted.isMoving || wanted.generation !== place.generation) return
      const [before = null] = await listDrift(change.db, { app, environment })
      const { row, event } = find(place, before, found, now())
      await putDrift(change.db, row)
      if (event)
        change.event({
          ...event,
          app,
          environment,
          facts: { differences: found.map(({ message }) => message) },
        })
    })
  }

  async function pass(signal: AbortSignal): Promise<void> {
    const [serving, rows] = await Promise.all([places(db), listDrift(db)])
    const known = new Set(serving.map(keyOf))
    const gone = rows.filter((row) => !known.has(keyOf(row)))
    if (gone.length > 0)
      await database.change(PLATFORM, async (change) => {
        for (const row of gone) await deleteDrift(change.db, row)
      })
    for (const place of due(serving, rows, now().getTime())) {
      if (signal.aborted) return
      // An engine that does not answer is told of elsewhere; this app is looked at again at the next pass.
      await look(place, signal).catch(() => {})
    }
  }

  const routes = {
    drift: {
      list: operations.drift.list.handler(async () => {
        const known = new Set((await places(db)).map(keyOf))
        return (await listDrift(db))
          .filter((row) => row.differences.length > 0 && known.has(keyOf(row)))
          .map(viewOf)
      }),
    },
  }

  return {
    name: 'drift',
    migrations,
    routes,
    async start() {
      // What starts with the platform settles first.
      let isFirst = true
      loop = startLoop({
        async pass(signal) {
          if (!isFirst) await pass(signal)
          isFirst = false
        },
        interval: lookEvery,
        onError,
      })
    },
    async stop() {
      await loop?.stop()
    },
    /** Looks at what is due now. */
    pass,
  } satisfies Feature & { pass: typeof pass }
}

function viewOf({ app, environment, differences, since, looked_at }: DriftRow): Drift {
  return {
    ...{ app, environment, differences },
    adoptable: differences.every(({ count }) => count !== null),
    since: (since ?? looked_at).toISOString(),
    lookedAt: looked_at.toISOString(),
  }
}
