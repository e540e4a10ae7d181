/** Under which names of its own an app answers. A part of the plan, so that every rollout carries them on. */
import type { WantedDomain } from '../../../engines/engine.ts'
import type { Change } from '../../kernel/database.ts'
import { nothingLive } from './messages.ts'
import { withPlan } from './plan.ts'
import { findTarget, lockRollouts, lockTarget, updateTarget } from './store.ts'

/**
 * `all` is asked under the lock, so that of two who change the names at once the second knows of the first. Repeating it
 * changes nothing. Whoever keeps the names tells of the change.
 */
export async function publish(
  change: Change,
  app: string,
  environment: string,
  all: () => Promise<WantedDomain[]>,
): Promise<void> {
  if (!(await findTarget(change.db, app, environment))) throw nothingLive(app, environment)
  const target = await lockTarget(change.db, app, environment)
  if (target.removing) throw nothingLive(app, environment)
  await lockRollouts(change.db, app, environment)
  const domains = await all()
  const { domains: _before, ...rest } = target.plan
  const { generation, plan } = withPlan(target, domains.length > 0 ? { ...rest, domains } : rest)
  if (generation === target.generation) return
  await updateTarget(change.db, target, { generation, plan })
  change.wake('targets')
}
