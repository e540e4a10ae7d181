/** Begins a delivery: everything that can be refused is refused here, all at once, before anything is built. */
import type { Origin } from '../../../api/app-spec.ts'
import type { Ship } from '../../../api/ships.ts'
import type { Actor } from '../../kernel/actor.ts'
import { newId } from '../../kernel/ids.ts'
import type { Content } from '../content/index.ts'
import type { AdvanceOptions } from './advance.ts'
import { chooseApps, detectApps } from './detect.ts'
import { messages, refusals } from './messages.ts'
import { findShip, insertShip, insertShipApp, shipApps, viewOf } from './store.ts'

export interface StartInput {
  tree: string
  folderName: string
  apps?: string[] | undefined
  environment?: string | undefined
  origin: Origin
  whenBusy: 'supersede' | 'queue'
  rebuild: boolean
}

export async function startShip(
  options: AdvanceOptions & { content: Content },
  actor: Actor,
  input: StartInput,
): Promise<Ship> {
  const { database, content, builds, clock, ports } = options
  const manifests = await detectApps(database.db, content, input.tree, input.folderName)
  const apps = chooseApps(manifests, input.apps)
  return database.change(actor, async (change) => {
    const known = await ports.environments.list(change.db)
    const wanted = input.environment ?? known[0]?.name
    if (wanted === undefined) throw refusals.noEnvironment()
    const environment = (await ports.environments.get(change.db, wanted)).name
    const together = apps.map((app) => app.name)
    const reasons = []
    for (const { name, owner, run } of apps) {
      await ports.apps.ensure(change, { name, owner: owner ?? null })
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
      const build = await builds.request(change, { app, tree, declaration, origin, by, rebuild })
      await insertShipApp(change.db, { ship: id, app, position, declaration, build })
    }
    change.event({
      kind: 'ship.started',
      environment,
      ...(apps.length === 1 && { app: apps[0]!.name }),
      message: messages.started(together, environment),
      facts: { ship: id, tree, origin, apps: together },
    })
    change.wake('ships')
    return viewOf((await findShip(change.db, id))!, await shipApps(change.db, [id]))
  })
}
