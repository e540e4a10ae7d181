/** What deliveries ask of the features behind them; each answer comes from the feature that knows it. */
import type { Engine } from '../engines/engine.ts'
import type { Apps } from './features/apps/index.ts'
import type { Environments } from './features/environments/index.ts'
import type { Rollouts } from './features/rollouts/index.ts'
import type { ShipPorts } from './features/ships/index.ts'

export interface ShipPortOptions {
  environments: Environments
  apps: Pick<Apps, 'ensure'>
  rollouts: Rollouts
  engines: (environment: string) => Promise<Engine>
}

export function shipPorts({ environments, apps, rollouts, engines }: ShipPortOptions): ShipPorts {
  return {
    environments,
    apps,
    refusals: async (change, app, together) => (await rollouts.refusals(change, app, together)).refusals,
    unfit: async (environment, artifact) => (await engines(environment)).refuses(artifact),
    adopt: async (environment, image) => (await engines(environment)).adopt(image),
    serving: (change, delivery) => rollouts.serving(change, delivery),
    deliver: (change, delivery, together) => rollouts.deliver(change, delivery, together),
    rollouts: {
      find: (db, ids) => rollouts.find(db, ids),
      abort: (change, id, { name }) => rollouts.abortIfOpen(change, id, name),
    },
    urls: async (app, environment) =>
      (await (await engines(environment)).addresses({ app, environment })).public,
  }
}
