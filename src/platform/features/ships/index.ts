/**
 * Deliveries: from a tree to live apps. All apps are built before any is released, needed apps come first, and all of
 * it lives in rows: a delivery goes on wherever a stopped platform left it. How an app is built, released and rolled
 * out is decided elsewhere.
 */
import type * as z from 'zod'
import type { DeclaredApp } from '../../../api/apps.ts'
import type { Ship, ShipUpdate } from '../../../api/ships.ts'
import type { Actor } from '../../kernel/actor.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Database } from '../../kernel/database.ts'
import type { Feature } from '../../kernel/feature.ts'
import { type Loop, startLoop } from '../../kernel/loop.ts'
import type { Builds } from '../builds/index.ts'
import type { Content, Roots } from '../content/index.ts'
import { type AppDeclaration, followingOf, type Problem } from '../manifests/index.ts'
import { advance } from './advance.ts'
import { chooseApps, detectApps } from './detect.ts'
import { followShip, type Position } from './follow.ts'
import { refusals } from './messages.ts'
import type { ShipPorts } from './ports.ts'
import { shipRoutes } from './routes.ts'
import { type StartInput, startShip, targetOf } from './start.ts'
import {
  everyShipOfBuild,
  findShip,
  lastSource,
  lockShip,
  migrations,
  runningShips,
  shipApps,
  shippedTrees,
  shipsOfBuild,
  updateShip,
  viewOf,
} from './store.ts'

export type { Delivery, Into, Refusal, ShipPorts } from './ports.ts'
export type { StartInput } from './start.ts'

export interface ShipsOptions {
  database: Database
  content: Content
  builds: Builds
  clock: Clock
  ports: ShipPorts
  onError: (error: unknown) => void
  /** Milliseconds between two looks when nobody wakes it. */
  lookEvery?: number
}

export interface Ships {
  /** What a tree would ship, and what is wrong with its files. */
  detect(
    tree: string,
    folderName: string,
  ): Promise<{ apps: z.infer<typeof DeclaredApp>[]; problems: Problem[] }>
  begin(actor: Actor, input: StartInput): Promise<Ship>
  /** NOT_FOUND where there is none. */
  view(id: string): Promise<Ship>
  cancel(actor: Actor, id: string): Promise<Ship>
  follow(
    id: string,
    from: Position,
    signal: AbortSignal,
  ): AsyncIterable<{ update: ShipUpdate; position: Position }>
  /**
   * What the artifact of an app was last built from, and what its files declared then; null where nobody knows. With no
   * environment: wherever it was shipped to.
   */
  source(
    app: string,
    environment: string | null,
    artifact: string,
  ): Promise<{ tree: string; declaration: AppDeclaration } | null>
  /** Names of the apps that this would ship, and where to; refused where the files hold mistakes. */
  asked(
    input: Pick<StartInput, 'tree' | 'folderName' | 'apps' | 'environment' | 'space'>,
  ): Promise<{ names: string[]; environment: string }>
  /** The deliveries under way that wait for a build. */
  ofBuild(build: string): Promise<{ id: string; environment: string; space: string | null }[]>
  /** All that ever had to do with it, newest first. */
  allOfBuild(build: string): Promise<Ship[]>
  /** Whether a delivery into this space is under way. */
  isInto(space: string): Promise<boolean>
  /** The newest delivery of this tree that is under way and not cancelled. */
  underWay(environment: string, tree: string): Promise<Ship | null>
  /** The apps of a tree; refused where its files hold mistakes. */
  declared(tree: string, folderName: string): Promise<AppDeclaration[]>
  /** Trees that must not be collected. */
  roots(): Promise<Roots>
}

const LOOK_EVERY = 5000
/** Sources of this many deliveries are kept, so that the next one has a base to differ from. */
const KEEP_TREES = 50

export function createShips(options: ShipsOptions): Feature<ReturnType<typeof shipRoutes>> & Ships {
  const { database, content, builds, clock, ports, onError } = options
  const { db } = database
  let loop: Loop | null = null
  let unlisten: (() => void)[] = []

  async function view(id: string): Promise<Ship> {
    const ship = await findShip(db, id)
    if (!ship) throw refusals.unknownShip(id)
    return viewOf(ship, await shipApps(db, [id]))
  }

  const ships: Ships = {
    async detect(tree, folderName) {
      const { apps, problems } = await detectApps(db, content, tree, folderName)
      return { apps: apps.map(asDeclared), problems }
    },
    declared: async (tree, folderName) =>
      chooseApps(await detectApps(db, content, tree, folderName), undefined),
    async asked(input) {
      const { tree, folderName, apps } = input
      const chosen = chooseApps(await detectApps(db, content, tree, folderName), apps)
      return { names: chosen.map(({ name }) => name), environment: await targetOf(db, ports, input) }
    },
    ofBuild: (build) => shipsOfBuild(db, build),
    allOfBuild: async (build) => Promise.all((await everyShipOfBuild(db, build)).map(view)),
    source: (app, environment, artifact) => lastSource(db, app, environment, artifact),
    isInto: async (space) => (await runningShips(db)).some(({ into }) => into?.name === space),
    async underWay(environment, tree) {
      const running = (await runningShips(db)).filter(
        (ship) =>
          ship.into === null &&
          ship.environment === environment &&
          ship.tree === tree &&
          ship.cancelled_by === null,
      )
      return running.length === 0 ? null : view(running.at(-1)!.id)
    },
    begin: (actor, input) => startShip(options, actor, input),
    view,
    cancel: (actor, id) =>
      database.change(actor, async (change) => {
        const ship = await lockShip(change.db, id)
        if (!ship) throw refusals.unknownShip(id)
        if (ship.state !== 'running') throw refusals.over(id, ship.state)
        if (ship.cancelled_by === null) {
          await updateShip(change.db, id, ship.version, { cancelled_by: actor.name })
          change.event({
            kind: 'ship.cancel-requested',
            environment: ship.environment,
            message: `${actor.name} asked to cancel the delivery ${id}`,
            facts: { ship: id },
          })
          change.wake('ships')
        }
        return viewOf((await findShip(change.db, id))!, await shipApps(change.db, [id]))
      }),
    follow: (id, from, signal) =>
      followShip({ database, builds, rollouts: ports.rollouts, view }, id, from, signal),
    async roots() {
      return { trees: await shippedTrees(db, KEEP_TREES), blobs: [] }
    },
  }

  /** Every delivery goes as far as it can; one that fails by a fault does not hold up the others. */
  async function pass(signal: AbortSignal): Promise<void> {
    for (const { id } of await runningShips(db)) {
      try {
        while (!signal.aborted && (await advance({ database, builds, clock, ports }, id)));
      } catch (error) {
        onError(error)
      }
    }
  }

  return {
    name: 'ships',
    migrations,
    routes: shipRoutes(ships),
    ...ships,
    async start() {
      loop = startLoop({ pass, interval: options.lookEvery ?? LOOK_EVERY, onError })
      unlisten = ['ships', 'builds', 'rollouts', 'spaces', 'spaces-told'].map((topic) =>
        database.listen(topic, loop!.wake),
      )
    },
    async stop() {
      for (const leave of unlisten) leave()
      await loop?.stop()
    },
  }
}

function asDeclared({
  name,
  path,
  context,
  owner,
  sources,
  run,
  dev,
}: AppDeclaration): z.infer<typeof DeclaredApp> {
  return {
    name,
    path,
    context,
    ...(owner !== undefined && { owner }),
    sources,
    processes: Object.keys(run.processes),
    needs: run.needs,
    dev: followingOf({ run, dev }),
  }
}
