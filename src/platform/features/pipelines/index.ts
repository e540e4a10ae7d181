/**
 * Pipelines: the same artifact from one environment to the next, pinned by release, with the next environment's own
 * config. Everything is checked for all apps before any moves, and what moves is one change. It builds nothing.
 */
import type { Feature } from '../../kernel/feature.ts'
import { operations } from '../../kernel/operations.ts'
import type { PipelinesOptions } from './options.ts'
import { createPlans } from './plan.ts'
import { createPromotions } from './promote.ts'
import { checkOrder, ends } from './rules.ts'

export function createPipelines(options: PipelinesOptions) {
  const { database, order } = options
  const planOne = createPlans(options)
  const { askEngines, promote } = createPromotions(options)

  const routes = {
    pipelines: {
      get: operations.pipelines.get.handler(async () => ({ environments: await order(database.db) })),
      plan: operations.pipelines.plan.handler(async ({ input: { apps, to: asked } }) => {
        const { from, to } = ends(await order(database.db), asked)
        const together = [...new Set(apps)]
        const plans = []
        for (const app of together) plans.push(await planOne(app, from, to, together))
        return plans
      }),
      promote: operations.pipelines.promote.handler(async ({ input: { to, apps }, context: { actor } }) => {
        const all = await order(database.db)
        ends(all, to)
        for (const { app, from } of apps) checkOrder(all, app, from, to)
        const unfit = await askEngines(apps, to)
        return database.change(actor, (change) => promote(change, { to, apps, unfit, by: actor.name }))
      }),
    },
  }
  return { name: 'pipelines', migrations: [], routes } satisfies Feature
}
