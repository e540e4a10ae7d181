/** Begins a delivery: everything that can be refused is refused here, all at once, before anything is built. */
import type { Origin } from '../../../api/app-spec.ts'
import type { Ship } from '../../../api/ships.ts'
import type { AskedImage } from '../../../engines/engine.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import { newId } from '../../kernel/ids.ts'
import type { Content } from '../content/index.ts'
import type { AdvanceOptions } from './advance.ts'
import { chooseApps, detectApps } from './detect.ts'
import { adoptImage, imageApp } from './image.ts'
import { messages, refusals } from './messages.ts'
import type { ShipPorts } from './ports.ts'
import { findShip, insertShip, insertShipApp, shipApps, viewOf } from './store.ts'

export interface StartInput {
  tree: string
  folderName: string
  /** Made elsewhere: nothing is built. */
  image?: AskedImage | undefined
  apps?: string[] | undefined
  environment?: string | undefined
  origin: Origin
  whenBusy: 'supersede' | 'queue'
  rebuild: boolean
}

/** The environment that is named, else the first; refused where there is none. */
export async function targetOf(
  db: Queries | Within,
  { environments }: Pick<ShipPorts, 'environments'>,
  named: string | undefined,
): Promise<string> {
  const wanted = named ?? (await environments.list(db))[0]?.name
  if (wanted === undefined) throw refusals.noEnvironment()
  return (await environments.get(db, wanted)).name
}

export async function startShip(
  options: AdvanceOptions & { content: Content },
  actor: Actor,
  input: StartInput,
): Promise<Ship> {
  const { database, content, builds, clock, ports } = options
  const manifests = await detectApps(database.db, content, input.tree, input.folderName)
  const { image } = input
  const apps = image ? [imageApp(manifests, image.reference, input.apps)] : chooseApps(manifests, input.apps)
  // Its registry is asked before anything is written: a transaction waits for nobody.
  const adopted =
    image &&
    (await adoptImage(options, apps[0]!, await targetOf(database.db, ports, input.environment), image))
  return database.change(actor, async (change) => {
    const environment = await targetOf(change.db, ports, input.environment)
    const together = apps.map((app) => app.name)
    const reasons = []
    for (const { name, owner, run } of apps) {
      await ports.apps.ensure(change, actor, { name, owner: owner ?? null, environment })
      const { variables, needs } = run
      const asked = { app: name, environment, run: { processes: {}, crons: {}, variables, needs } }
      reasons.push(...(await ports.refusals(change, asked, together)))
    }
    if (reasons.length > 0) throw refusals.reasons(reasons)

    const id = newId('s')
    const { tree, origin, rebuild } = input
    const by = actor.name
    await insertShip(change.db, {
      id,
      environment,
      tree,
      origin,
      requested_by: by,
      when_busy: input.whenBusy,
      rebuild,
      created_at: clock.now(),
    })
    for (const [position, declaration] of apps.entries()) {
      const app = declaration.name
      const asked = { app, tree, declaration, origin, by, rebuild }
      const build = adopted ? await builds.adopt(change, asked, adopted) : await builds.request(change, asked)
      await insertShipApp(change.db, { ship: id, app, position, declaration, build })
    }
    change.event({
      kind: 'ship.started',
      environment,
      ...(apps.length === 1 && { app: apps[0]!.name }),
      message: messages.started(together, environment),
      facts: {
        ship: id,
        tree,
        origin,
        apps: together,
        ...(adopted?.image && { image: adopted.image.reference }),
      },
    })
    change.wake('ships')
    return viewOf((await findShip(change.db, id))!, await shipApps(change.db, [id]))
  })
}
