import { operations } from '../../kernel/operations.ts'
import type { Environments, EnvironmentsOptions, KnownEnvironment } from './index.ts'

export function environmentRoutes(
  environments: Environments,
  { database, engines }: Pick<EnvironmentsOptions, 'database' | 'engines'>,
) {
  return {
    environments: {
      list: operations.environments.list.handler(async () =>
        (await environments.list(database.db)).map(onTheWire),
      ),
      add: operations.environments.add.handler(({ input, context }) =>
        database.change(context.actor, async (change) => onTheWire(await environments.add(change, input))),
      ),
      remove: operations.environments.remove.handler(({ input, context }) =>
        database.change(context.actor, async (change) => {
          await environments.remove(change, input.name)
          return { name: input.name }
        }),
      ),
      check: operations.environments.check.handler(async ({ input }) => {
        await environments.get(database.db, input.name)
        return (await engines(input.name)).check()
      }),
    },
  }
}

function onTheWire(environment: KnownEnvironment) {
  return { ...environment, createdAt: environment.createdAt.toISOString() }
}
