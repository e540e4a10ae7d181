/** Closes an app to the outside and opens it again. A part of the plan, so that every rollout carries it on. */
import type { Change } from '../../kernel/database.ts'
import { nothingLive } from './messages.ts'
import { withPlan } from './plan.ts'
import { findTarget, lockRollouts, lockTarget, updateTarget } from './store.ts'

/** Null opens it. Repeating it changes nothing, and tells nothing. */
export async function maintain(
  change: Change,
  app: string,
  environment: string,
  maintenance: { message: string } | null,
): Promise<void> {
  if (!(await findTarget(change.db, app, environment))) throw nothingLive(app, environment)
  const target = await lockTarget(change.db, app, environment)
  await lockRollouts(change.db, app, environment)
  const { maintenance: _before, ...rest } = target.plan
  const { generation, plan } = withPlan(target, maintenance ? { ...rest, maintenance } : rest)
  if (generation === target.generation) return
  await updateTarget(change.db, target, { generation, plan })
  change.wake('targets')
  const words = maintenance ? 'is under maintenance' : 'is open again'
  change.event({
    kind: maintenance ? 'maintenance.begun' : 'maintenance.ended',
    app,
    environment,
    message: `${app} in ${environment} ${words}${maintenance?.message ? `: ${maintenance.message}` : ''}`,
    facts: { message: maintenance?.message ?? null },
  })
}
