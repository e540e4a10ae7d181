import { setTimeout as delay } from 'node:timers/promises'
import { operations } from '../../kernel/operations.ts'
import { capacityOf } from './capacity.ts'
import type { Environments, EnvironmentsOptions, KnownEnvironment, WantedEnvironment } from './index.ts'
import { refusals } from './messages.ts'

/** Longer than most apps are given to end. */
const LEAVING_MS = 60_000
const LOOK_MS = 100

export function environmentRoutes(environments: Environments, options: EnvironmentsOptions) {
  const { database, engines, engineKinds } = options

  /** Everything that is asked of the engine before the environment is there. */
  async function probe({ name, engine, settings = {}, postgres }: WantedEnvironment) {
    if (!engineKinds.includes(engine)) throw refusals.unknownEngine(engine, engineKinds)
    const known = await environments.list(database.db)
    if (known.some((one) => one.name === name)) throw refusals.exists(name)
    const settled = await options.settle(engine, settings)
    const [checks, ofPostgres] = await Promise.all([
      options.probe(engine, settled),
      postgres === undefined ? [] : options.probePostgres(postgres),
    ])
    return { settled, checks: [...checks, ...ofPostgres] }
  }

  async function onTheWire({ settings, createdAt, ...environment }: KnownEnvironment) {
    const facts = await options.facts(environment.engine, settings)
    return { ...environment, facts, createdAt: createdAt.toISOString() }
  }

  /** Apps that were removed a moment ago are waited for: what is left of them is found by their environment alone. */
  async function untilLeft(name: string, signal: AbortSignal): Promise<void> {
    const patience = AbortSignal.any([signal, AbortSignal.timeout(LEAVING_MS)])
    while (!patience.aborted) {
      const [apps, going] = await Promise.all([
        options.appsIn(database.db, name),
        options.leaving(database.db, name),
      ])
      if (going.length === 0 || apps.some((app) => !going.includes(app))) return
      await delay(LOOK_MS, undefined, { signal: patience }).catch(() => {})
    }
  }

  return {
    environments: {
      list: operations.environments.list.handler(async () =>
        Promise.all((await environments.list(database.db)).map(onTheWire)),
      ),
      probe: operations.environments.probe.handler(async ({ input }) => (await probe(input)).checks),
      add: operations.environments.add.handler(async ({ input, context }) => {
        const { settled, checks } = await probe(input)
        const failed = checks.filter(({ ok }) => !ok)
        if (failed.length > 0) throw refusals.checksFailed(input.name, failed)
        return database.change(context.actor, async (change) =>
          onTheWire(await environments.add(change, { ...input, settings: settled })),
        )
      }),
      lend: operations.environments.lend.handler(async ({ input: { name, ...lending }, context }) =>
        database.change(context.actor, async (change) =>
          onTheWire(await environments.lend(change, name, lending)),
        ),
      ),
      remove: operations.environments.remove.handler(async ({ input: { name }, context }) => {
        await untilLeft(name, context.signal)
        await database.change(context.actor, async (change) => {
          await environments.remove(change, name)
          return { name }
        })
        await options.letGo?.(name)
        return { name }
      }),
      export: operations.environments.export.handler(async ({ input: { name, app } }) => {
        await environments.get(database.db, name)
        const apps = app === undefined ? await options.appsIn(database.db, name) : [app]
        const engine = await engines(name)
        return Promise.all(
          apps.map(async (one) => ({ app: one, text: await engine.export({ app: one, environment: name }) })),
        )
      }),
      capacity: operations.environments.capacity.handler(async ({ input: { name } }) => {
        await environments.get(database.db, name)
        const engine = await engines(name)
        const [room, asking, all] = await Promise.all([
          engine.capacity(),
          options.asking(database.db, name),
          engine.observeAll(),
        ])
        return capacityOf(
          room,
          asking,
          all.filter(({ target }) => target.environment === name),
        )
      }),
      check: operations.environments.check.handler(async ({ input }) => {
        await environments.get(database.db, input.name)
        return (await engines(input.name)).check()
      }),
    },
  }
}
