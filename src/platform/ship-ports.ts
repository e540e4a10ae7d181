/**
 * What deliveries ask of the features behind them; each answer comes from the feature that knows it. What goes into a
 * space is no release and no rollout: how far it has come is told in the words of one.
 */
import { TowError } from '../api/errors.ts'
import type { Rollout } from '../api/rollouts.ts'
import type { Engine } from '../engines/engine.ts'
import type { Apps } from './features/apps/index.ts'
import type { Environments } from './features/environments/index.ts'
import type { Rollouts } from './features/rollouts/index.ts'
import type { Delivery, ShipPorts } from './features/ships/index.ts'
import type { SpaceDelivery, Spaces } from './features/spaces/index.ts'
import type { Queries, Within } from './kernel/database.ts'

export interface ShipPortOptions {
  environments: Environments
  apps: Pick<Apps, 'ensure'>
  rollouts: Rollouts
  spaces: Pick<Spaces, 'deliver' | 'ownedAs' | 'progress'>
  engines: (environment: string) => Promise<Engine>
}

/** `mine.3/missions`: the revision of an app in a space. No id of a rollout looks like it. */
const REVISION = /^(.+)\.(\d+)\/(.+)$/

export function shipPorts({ environments, apps, rollouts, spaces, engines }: ShipPortOptions): ShipPorts {
  async function revision(db: Queries | Within, id: string): Promise<Rollout> {
    const [, space, number, app] = REVISION.exec(id) as unknown as [string, string, string, string]
    const at = new Date(0).toISOString()
    return {
      ...{ id, app, environment: space, release: Number(number), previous: null, by: '' },
      ...(await spaces.progress(db, space, app, Number(number))),
      ...{ startedAt: at, endedAt: null, history: [] },
    }
  }

  return {
    environments,
    apps,
    refusals: async (change, app, together) =>
      app.into
        ? spaces.deliver.refusals(change, { ...app, into: app.into }, together)
        : (await rollouts.refusals(change, app, together)).refusals,
    async unfit(environment, artifact) {
      const engine = await engines(environment)
      // What can't be asked now is found out by the rollout, which tells what it waits for.
      return engine.refuses(artifact).catch(() => null)
    },
    sendAhead(environment, app, artifact) {
      engines(environment)
        .then((engine) => engine.sendAhead?.({ app, environment }, artifact))
        .catch(() => {})
    },
    adopt: async (environment, image) => (await engines(environment)).adopt(image),
    async serving(change, delivery) {
      const inSpace = intoSpace(delivery)
      return inSpace ? spaces.deliver.serving(change, inSpace) : rollouts.serving(change, delivery)
    },
    async deliver(change, delivery, together) {
      const inSpace = intoSpace(delivery)
      if (!inSpace) return rollouts.deliver(change, delivery, together)
      const number = await spaces.deliver.place(change, inSpace, together)
      return { release: { number }, rollout: `${inSpace.into.name}.${number}/${delivery.app}` }
    },
    rollouts: {
      async find(db, ids) {
        const inSpaces = ids.filter((id) => REVISION.test(id))
        const others = ids.filter((id) => !inSpaces.includes(id))
        return [
          ...(await rollouts.find(db, others)),
          ...(await Promise.all(inSpaces.map((id) => revision(db, id)))),
        ]
      },
      // What was put into a space stays there: it is in nobody's way.
      abort: async (change, id, { name }) => {
        if (!REVISION.test(id)) await rollouts.abortIfOpen(change, id, name)
      },
    },
    urls: async (app, environment, space) =>
      (
        await (
          await engines(environment)
        ).addresses({ app, environment, ...(space === null ? {} : { space }) })
      ).public,
    spaces: {
      environmentOf: async (db, name) => (await spaces.ownedAs(db, name))?.environment ?? null,
      async require(environment) {
        const { spaces: canHold } = await (await engines(environment)).capabilities()
        if (!canHold) {
          throw new TowError('UNSUPPORTED', `the engine of ${environment} can hold no spaces`, {
            hint: 'tow env shows where each environment runs',
          })
        }
      },
      prepare: (change, actor, asked) => spaces.deliver.prepare(change, actor, asked),
    },
  }
}

/** The same delivery as a space takes it; null for a release. */
function intoSpace({ into, source, ...delivery }: Delivery): SpaceDelivery | null {
  return into ? { ...delivery, ...source, into } : null
}
