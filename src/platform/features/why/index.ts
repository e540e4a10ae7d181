/** Why an app is in the state it is in: facts from everywhere, put in order, and one sentence that answers. */
import type { Engine } from '../../../engines/engine.ts'
import type { Database, Queries, Within } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { operations } from '../../kernel/operations.ts'
import { type Apps, appInEnvironment } from '../apps/index.ts'
import type { Domains } from '../domains/index.ts'
import { asSummary, type Releases } from '../releases/index.ts'
import { type Rollouts, within } from '../rollouts/index.ts'
import { type Answer, explain } from './rules.ts'

export interface WhyOptions {
  database: Database
  engines: (environment: string) => Promise<Engine>
  apps: Pick<Apps, 'get'>
  /** Environments in the order of the pipeline. */
  order: (db: Queries | Within) => Promise<string[]>
  releases: Releases
  rollouts: Pick<Rollouts, 'target' | 'list' | 'overview'>
  domains: Pick<Domains, 'list'>
}

const OBSERVE_MS = 3_000
const LOOKED_BACK = 5
/** What people do to an app that is no release of its own. */
const CHANGES = [
  'config.changed',
  'process.scaled',
  'process.restarted',
  'process.mended',
  'drift.found',
  'drift.gone',
  'maintenance.begun',
  'maintenance.ended',
  'domain.added',
  'domain.changed',
  'domain.removed',
  'rollout.abort-requested',
]

export function createWhy(options: WhyOptions) {
  const { database, engines, apps, order, releases, rollouts, domains } = options

  async function look(app: string, environment: string) {
    try {
      const engine = await engines(environment)
      const { signal } = new AbortController()
      return {
        observation: await within(engine.observe({ app, environment }), OBSERVE_MS, signal, 'no answer'),
      }
    } catch (error) {
      return { away: (error as Error).message }
    }
  }

  async function changesOf(app: string, environment: string) {
    const rows = await database.db
      .selectFrom('events')
      .select(['at', 'message'])
      .where('app', '=', app)
      .where('environment', '=', environment)
      .where('kind', 'in', CHANGES)
      .orderBy('position', 'desc')
      .limit(LOOKED_BACK)
      .execute()
    return rows.map(({ at, message }) => ({ at: at.toISOString(), message }))
  }

  async function answer(app: string, environment: string, before: string | null): Promise<Answer> {
    const { db } = database
    const [target, [wanted], made, rolled, changes, seen, named] = await Promise.all([
      rollouts.target(db, app, environment),
      rollouts.overview(db, { app, environment }),
      releases.list(db, app, environment, LOOKED_BACK),
      rollouts.list(db, { app, environment, limit: LOOKED_BACK }),
      changesOf(app, environment),
      look(app, environment),
      domains.list(db, { app, environment }),
    ])
    const observation = 'observation' in seen ? seen.observation : null
    const state = wanted ? appInEnvironment(wanted, seen) : null
    const isKnown = state?.release != null && !made.some((row) => row.number === state.release)
    const serving = isKnown ? await releases.find(db, app, environment, state.release ?? 0) : null
    return explain({
      ...{ app, environment, before, state, changes, observation },
      domains: named.filter(({ state }) => state === 'attention'),
      releases: [...made, ...(serving ? [serving] : [])].map(asSummary),
      rollouts: rolled.filter((rollout) => made.length > 0 && rollout.release >= (made.at(-1)?.number ?? 0)),
      overrides: Object.entries(target?.overrides ?? {}).map(([process, override]) => ({
        process,
        ...override,
      })),
    })
  }

  const routes = {
    events: {
      why: operations.events.why.handler(async ({ input: { app, environment } }) => {
        await apps.get(database.db, app)
        const all = await order(database.db)
        const asked = environment === undefined ? all : [environment]
        return Promise.all(asked.map((one) => answer(app, one, all[all.indexOf(one) - 1] ?? null)))
      }),
    },
  }
  return { name: 'why', migrations: [], routes } satisfies Feature
}
