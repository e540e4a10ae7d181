/** Begins a delivery: everything that can be refused is refused here, all at once, before anything is built. */
import type { Origin } from '../../../api/app-spec.ts'
import type { Ship } from '../../../api/ships.ts'
import type { IntoSpace } from '../../../api/spaces.ts'
import type { AskedImage } from '../../../engines/engine.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Queries, Within } from '../../kernel/database.ts'
import { newId } from '../../kernel/ids.ts'
import type { Content } from '../content/index.ts'
import { developed } from '../manifests/index.ts'
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
  space?: IntoSpace | undefined
  origin: Origin
  whenBusy: 'supersede' | 'queue'
  rebuild: boolean
}

/** The environment that is named, else the one below the space, else the first; refused where there is none. */
export async function targetOf(
  db: Queries | Within,
  { environments, spaces }: Pick<ShipPorts, 'environments' | 'spaces'>,
  { environment: named, space }: Pick<StartInput, 'environment' | 'space'>,
): Promise<string> {
  const below = space && named === undefined ? await spaces.environmentOf(db, space.name) : null
  const wanted = named ?? below ?? (await environments.list(db))[0]?.name
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
  const chosen = image
    ? [imageApp(manifests, image.reference, input.apps)]
    : chooseApps(manifests, input.apps)
  const apps = chosen.map((app) => (input.space?.live?.[app.name] ? developed(app) : app))
  if (input.space) await ports.spaces.require(await targetOf(database.db, ports, input))
  // Its registry is asked before anything is written: a transaction waits for nobody.
  const adopted =
    image && (await adoptImage(options, apps[0]!, await targetOf(database.db, ports, input), image))
  return database.change(actor, async (change) => {
    const environment = await targetOf(change.db, ports, input)
    const together = apps.map((app) => app.name)
    const reasons = []
    const { space } = input
    // What a branch says of an app's owner moves nothing until it is released.
    for (const { name, owner } of space ? [] : apps) {
      await ports.apps.ensure(change, actor, { name, owner: owner ?? null, environment })
    }
    const into = space
      ? await ports.spaces.prepare(change, actor, { ...space, environment, apps: together })
      : null
    for (const { name, run } of apps) {
      const { variables, needs } = run
      const asked = { app: name, environment, into, run: { processes: {}, crons: {}, variables, needs } }
      reasons.push(...(await ports.refusals(change, asked, together)))
    }
    if (reasons.length > 0) throw refusals.reasons(reasons)

    const id = newId('s')
    const { tree, origin, rebuild } = input
    const by = actor.name
    await insertShip(change.db, {
      id,
      environment,
      into,
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
      message: messages.started(together, messages.place(environment, into?.name)),
      facts: {
        ship: id,
        tree,
        origin,
        apps: together,
        ...(into && { space: into.name }),
        ...(adopted?.image && { image: adopted.image.reference }),
      },
    })
    change.wake('ships')
    return viewOf((await findShip(change.db, id))!, await shipApps(change.db, [id]))
  })
}
