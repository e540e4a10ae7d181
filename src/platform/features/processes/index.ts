/**
 * Processes: what runs as the engine sees it now, counts by hand, restarts, logs, commands run once with their
 * terminals, and samples of the last day. It keeps no picture of its own: what is shown was observed, with its time.
 */
import { withEventMeta } from '@orpc/server'
import type { FastifyInstance } from 'fastify'
import { TowError } from '../../../api/errors.ts'
import { CURSOR_LENGTH } from '../../../api/log-cursor.ts'
import type { Engine, Observation, Target } from '../../../engines/engine.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Change, Database } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { mountStreams } from '../../kernel/http/streams.ts'
import { operations } from '../../kernel/operations.ts'
import type { Releases } from '../releases/index.ts'
import { type Rollouts, type TargetRow, within } from '../rollouts/index.ts'
import { adoptedCounts, asDifference } from './drift.ts'
import { createForwards } from './forwards.ts'
import { followLogs } from './logs.ts'
import { processList, samplesOf } from './rules.ts'
import { createRuns, type SpaceCopies } from './runs.ts'
import { asRun, listRuns, migrations } from './store.ts'
import { mountTerminals } from './terminal.ts'

export { migrations as processMigrations }

export type Processes = ReturnType<typeof createProcesses>

export interface ProcessesOptions {
  database: Database
  clock: Clock
  engines: (environment: string) => Promise<Engine>
  releases: Releases
  rollouts: Pick<Rollouts, 'target' | 'scale' | 'restart' | 'reapply' | 'maintain' | 'live' | 'desired'>
  spaces: SpaceCopies
  onError: (error: unknown) => void
}

const OBSERVE_MS = 5_000
/** Everything that was applied is compared by whoever runs it. */
const COMPARE_MS = 20_000
const DAY_MS = 24 * 3_600_000

export function createProcesses(options: ProcessesOptions) {
  const { database, clock, engines, releases, rollouts, spaces, onError } = options
  const runs = createRuns({ database, clock, engines, rollouts, spaces, onError })
  const forwards = createForwards(options)
  const controller = new AbortController()

  async function requireTarget(app: string, environment: string): Promise<TargetRow> {
    const target = await rollouts.target(database.db, app, environment)
    if (target) return target
    throw new TowError('NOT_FOUND', `${app} was never shipped to ${environment}`, {
      hint: `tow ship -a ${app} -e ${environment}`,
    })
  }

  /** Where the engine finds it; NOT_FOUND where it was never delivered there. */
  async function requirePlace({ app, environment, space }: Target): Promise<Target> {
    if (space === undefined) await requireTarget(app, environment)
    else await spaces.copy(database.db, space, app, environment)
    return { app, environment, ...(space === undefined ? {} : { space }) }
  }

  async function observe(target: Target): Promise<Observation | null> {
    const look = async () => (await engines(target.environment)).observe(target)
    return within(look(), OBSERVE_MS, controller.signal, 'the engine does not answer').catch(() => null)
  }

  async function compare(asked: Target) {
    const target = await requirePlace(asked)
    const look = async () => (await engines(target.environment)).drift(target)
    const found = await within(look(), COMPARE_MS, controller.signal, 'the engine does not answer')
    const serving = target.space === undefined ? await requireTarget(target.app, target.environment) : null
    return found.map((one) => asDifference(one, serving?.live ?? null))
  }

  async function scale(
    change: Change,
    asked: Parameters<Rollouts['scale']>[1] & { space?: string | undefined },
  ) {
    const { space, ...request } = asked
    if (space === undefined) return rollouts.scale(change, request)
    await spaces.copy(change.db, space, asked.app, asked.environment)
    return spaces.scale(change, { ...request, space })
  }

  /** Of a space all of it starts anew. */
  async function restart(
    change: Change,
    {
      app,
      environment,
      space,
      process,
    }: { app: string; environment: string; space?: string | undefined; process?: string | undefined },
  ): Promise<string[]> {
    if (space === undefined) return rollouts.restart(change, app, environment, process)
    await spaces.copy(change.db, space, app, environment)
    return spaces.restart(change, space, app)
  }

  const routes = {
    processes: {
      list: operations.processes.list.handler(async ({ input: { app, environment, space } }) => {
        if (space !== undefined) {
          const copy = await spaces.copy(database.db, space, app, environment)
          const crons = copy.with_crons ? copy.run.crons : {}
          return processList(
            { app, environment, overrides: copy.scaled, plan: {} },
            crons,
            await observe({ app, environment, space }),
          )
        }
        const target = await requireTarget(app, environment)
        const live =
          target.live === null ? null : await releases.find(database.db, app, environment, target.live)
        return processList(target, live?.run.crons ?? {}, await observe({ app, environment }))
      }),
      scale: operations.processes.scale.handler(({ input, context: { actor } }) =>
        database.change(actor, async (change) => ({
          counts: await scale(change, { ...input, by: actor.name }),
        })),
      ),
      restart: operations.processes.restart.handler(({ input, context: { actor } }) =>
        database.change(actor, async (change) => ({
          processes: await restart(change, input),
        })),
      ),
      maintain: operations.processes.maintain.handler(({ input, context: { actor } }) =>
        database.change(actor, async (change) => {
          await rollouts.maintain(change, input.app, input.environment, input.maintenance)
          return { maintenance: input.maintenance }
        }),
      ),
      drift: operations.processes.drift.handler(({ input }) => compare(placeOf(input))),
      settleDrift: operations.processes.settleDrift.handler(async ({ input, context: { actor } }) => {
        const { app, environment, choice } = input
        const differences = await compare({ app, environment })
        if (differences.length === 0) return { differences, counts: {} }
        const counts = choice === 'adopt' ? adoptedCounts(input, differences) : null
        return database.change(actor, async (change) => {
          if (counts) {
            const reason = 'adopted: it was changed past Towpath'
            const told = await rollouts.scale(change, { app, environment, counts, reason, by: actor.name })
            return { differences, counts: told }
          }
          await rollouts.reapply(change, app, environment, differences.length)
          return { differences, counts: {} }
        })
      }),
      logs: operations.processes.logs.handler(async function* ({ input, context: { signal }, lastEventId }) {
        const { app, environment, space, ...query } = input
        const target = await requirePlace(placeOf({ app, environment, space }))
        const asked =
          lastEventId === undefined ? query : { ...query, after: lastEventId.slice(0, CURSOR_LENGTH) }
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
      forward: operations.processes.forward.handler(async ({ input, context: { actor } }) => {
        const { process, port } = input
        await forwards.announce(actor, { target: placeOf(input), process, port })
        return { process, port }
      }),
      getRun: operations.processes.getRun.handler(async ({ input: { id } }) => asRun(await runs.current(id))),
      listRuns: operations.processes.listRuns.handler(async ({ input: { app, environment, space = null } }) =>
        (await listRuns(database.db, app, environment, space)).map(asRun),
      ),
      samples: operations.processes.samples.handler(async ({ input }) => {
        const target = await requirePlace(placeOf(input))
        const since = new Date(clock.now().getTime() - DAY_MS).toISOString()
        const engine = await engines(input.environment)
        return samplesOf(await engine.samples(target, since))
      }),
    },
  }

  const feature = {
    name: 'processes',
    migrations,
    routes,
    mount(server: FastifyInstance) {
      mountTerminals(server, { runs, engines, onError })
      mountStreams(server, forwards.doors)
    },
    start: runs.begin,
    /** What somebody changed of what serves, past Towpath. */
    compare,
    async stop() {
      controller.abort()
      await runs.stop()
    },
  } satisfies Feature & { compare: typeof compare }

  return {
    ...feature,
    /** The run as it was written down; NOT_FOUND where there is none. */
    run: (id: string) => runs.known(id),
  }
}

const placeOf = ({
  app,
  environment,
  space,
}: {
  app: string
  environment: string
  space?: string | undefined
}): Target => ({
  ...{ app, environment },
  ...(space === undefined ? {} : { space }),
})
