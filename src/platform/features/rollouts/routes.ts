import type { Rollout } from '../../../api/rollouts.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Database } from '../../kernel/database.ts'
import { operations } from '../../kernel/operations.ts'
import { wakesOf } from '../../kernel/wakes.ts'
import type { createChanges } from './changes.ts'
import { notFound } from './messages.ts'
import { isOver } from './state.ts'
import { asRollout, findRollout, listRollouts } from './store.ts'

/** A second look at most this often: an engine that is away changes only the age in the message. */
const RETELL_MS = 5000

export function rolloutRoutes(options: {
  database: Database
  clock: Clock
  changes: ReturnType<typeof createChanges>
}) {
  const { database, clock, changes } = options
  const now = () => clock.now().getTime()

  /** The rollout now, and whenever what it says changed, until it is over. */
  async function* follow(id: string, signal: AbortSignal): AsyncGenerator<Rollout> {
    const wakes = wakesOf(database, ['rollouts'], signal)
    let told = ''
    try {
      while (!signal.aborted) {
        const row = await findRollout(database.db, id)
        if (!row) throw notFound(id)
        const rollout = asRollout(row.state, now())
        const text = JSON.stringify(rollout)
        if (text !== told) yield rollout
        told = text
        if (isOver(row.state.phase)) return
        await wakes.next(RETELL_MS)
      }
    } finally {
      wakes.stop()
    }
  }

  return {
    rollouts: {
      list: operations.rollouts.list.handler(async ({ input }) =>
        (await listRollouts(database.db, input)).map((row) => asRollout(row.state, now())),
      ),
      get: operations.rollouts.get.handler(async ({ input: { id } }) => {
        const row = await findRollout(database.db, id)
        if (!row) throw notFound(id)
        return asRollout(row.state, now())
      }),
      follow: operations.rollouts.follow.handler(({ input: { id }, context }) => follow(id, context.signal)),
      abort: operations.rollouts.abort.handler(({ input: { id }, context: { actor } }) =>
        database.change(actor, (change) => changes.abort(change, id, actor.name)),
      ),
      retry: operations.rollouts.retry.handler(({ input: { id }, context: { actor } }) =>
        database.change(actor, (change) => changes.retry(change, id, actor.name)),
      ),
    },
  }
}
