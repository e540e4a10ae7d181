/**
 * Processes: what runs as the engine sees it now, counts by hand, restarts, logs, commands run once with their
 * terminals, and samples of the last day. It keeps no picture of its own: what is shown was observed, with its time.
 */
import { withEventMeta } from '@orpc/server'
import type { FastifyInstance } from 'fastify'
import { TowError } from '../../../api/errors.ts'
import { CURSOR_LENGTH } from '../../../api/log-cursor.ts'
import type { Engine, Observation } from '../../../engines/engine.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Database } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { operations } from '../../kernel/operations.ts'
import type { Releases } from '../releases/index.ts'
import { type Rollouts, type TargetRow, within } from '../rollouts/index.ts'
import { followLogs } from './logs.ts'
import { processList, samplesOf } from './rules.ts'
import { createRuns } from './runs.ts'
import { asRun, listRuns, migrations } from './store.ts'
import { mountTerminals } from './terminal.ts'

export { migrations as processMigrations }

export type Processes = ReturnType<typeof createProcesses>

export interface ProcessesOptions {
  database: Database
  clock: Clock
  engines: (environment: string) => Promise<Engine>
  releases: Releases
  rollouts: Pick<Rollouts, 'target' | 'scale' | 'restart' | 'maintain' | 'live' | 'desired'>
  onError: (error: unknown) => void
}

const OBSERVE_MS = 5_000
const DAY_MS = 24 * 3_600_000

export function createProcesses(options: ProcessesOptions) {
  const { database, clock, engines, releases, rollouts, onError } = options
  const runs = createRuns({ database, clock, engines, rollouts, onError })
  const controller = new AbortController()

  async function requireTarget(app: string, environment: string): Promise<TargetRow> {
    const target = await rollouts.target(database.db, app, environment)
    if (target) return target
    throw new TowError('NOT_FOUND', `${app} was never shipped to ${environment}`, {
      hint: `tow ship -a ${app} -e ${environment}`,
    })
  }

  async function observe(app: string, environment: string): Promise<Observation | null> {
    const look = async () => (await engines(environment)).observe({ app, environment })
    return within(look(), OBSERVE_MS, controller.signal, 'the engine does not answer').catch(() => null)
  }

  const routes = {
    processes: {
      list: operations.processes.list.handler(async ({ input: { app, environment } }) => {
        const target = await requireTarget(app, environment)
        const live =
          target.live === null ? null : await releases.find(database.db, app, environment, target.live)
        return processList(target, live?.run.crons ?? {}, await observe(app, environment))
      }),
      scale: operations.processes.scale.handler(({ input, context: { actor } }) =>
        database.change(actor, async (change) => ({
          counts: await rollouts.scale(change, { ...input, by: actor.name }),
        })),
      ),
      restart: operations.processes.restart.handler(({ input, context: { actor } }) =>
        database.change(actor, async (change) => ({
          processes: await rollouts.restart(change, input.app, input.environment, input.process),
        })),
      ),
      maintain: operations.processes.maintain.handler(({ input, context: { actor } }) =>
        database.change(actor, async (change) => {
          await rollouts.maintain(change, input.app, input.environment, input.maintenance)
          return { maintenance: input.maintenance }
        }),
      ),
      logs: operations.processes.logs.handler(async function* ({ input, context: { signal }, lastEventId }) {
        const { app, environment, ...query } = input
        await requireTarget(app, environment)
        const asked =
          lastEventId === undefined ? query : { ...query, after: lastEventId.slice(0, CURSOR_LENGTH) }
        const target = { app, environment }
        for await (const { line, cursor } of followLogs(() => engines(environment), target, asked, signal)) {
          yield withEventMeta(line, { id: cursor.text() })
        }
      }),
      run: operations.processes.run.handler(async ({ input, context: { actor } }) => {
        const run = await database.change(actor, (change) =>
          runs.request(change, { ...input, by: actor.name }),
        )
        void runs.start(run.id)
        return run
      }),
      getRun: operations.processes.getRun.handler(async ({ input: { id } }) => asRun(await runs.current(id))),
      listRuns: operations.processes.listRuns.handler(async ({ input: { app, environment } }) =>
        (await listRuns(database.db, app, environment)).map(asRun),
      ),
      samples: operations.processes.samples.handler(async ({ input: { app, environment } }) => {
        await requireTarget(app, environment)
        const since = new Date(clock.now().getTime() - DAY_MS).toISOString()
        const engine = await engines(environment)
        return samplesOf(await engine.samples({ app, environment }, since))
      }),
    },
  }

  const feature = {
    name: 'processes',
    migrations,
    routes,
    mount: (server: FastifyInstance) => mountTerminals(server, { runs, engines, onError }),
    start: runs.begin,
    async stop() {
      controller.abort()
      await runs.stop()
    },
  } satisfies Feature

  return {
    ...feature,
    /** The run as it was written down; NOT_FOUND where there is none. */
    run: (id: string) => runs.known(id),
  }
}
