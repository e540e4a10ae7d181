/**
 * What a request touches: from the places that the contract names to apps, their owners and environments. Each answer
 * comes from the feature that knows it, and is put before `access`. An app that is not there is judged as nobody's, so
 * that the operation itself can say so, or repeat what it answered before the app went.
 */
import { TowError } from '../api/errors.ts'
import { isScoped, type Objects } from '../api/operation.ts'
import type { Access, Touched } from './features/access/index.ts'
import type { Apps } from './features/apps/index.ts'
import type { Builds } from './features/builds/index.ts'
import type { Config } from './features/config/index.ts'
import type { Environments } from './features/environments/index.ts'
import type { Needs } from './features/needs/index.ts'
import type { Processes } from './features/processes/index.ts'
import type { Rollouts } from './features/rollouts/index.ts'
import type { Ships, StartInput } from './features/ships/index.ts'
import type { Spaces } from './features/spaces/index.ts'
import type { Queries } from './kernel/database.ts'
import { type Authorize, textsAt } from './kernel/http/authorize.ts'

export interface ObjectsOptions {
  db: Queries
  access: Pick<Access, 'require'>
  apps: Pick<Apps, 'ownerOf'>
  environments: Pick<Environments, 'get' | 'list'>
  config: Pick<Config, 'placesOf'>
  needs: Pick<Needs, 'placesOf'>
  builds: Pick<Builds, 'view'>
  processes: Pick<Processes, 'run'>
  rollouts: Pick<Rollouts, 'get' | 'targets'>
  ships: Pick<Ships, 'asked' | 'ofBuild' | 'view'>
  spaces: Pick<Spaces, 'ownedAs'>
}

/** The name of a space where the input may hold one. */
function spaceIn(input: Input, place: string | undefined): string | null {
  let at: unknown = input
  for (const part of place?.split('.') ?? []) at = (at as Record<string, unknown> | undefined)?.[part]
  return typeof at === 'string' ? at : null
}

type Input = Readonly<Record<string, unknown>>
interface Place {
  app: string
  /** Null: whichever; there is nothing of it anywhere. */
  environment: string | null
  /** Name of a space that it is in. */
  space?: string | null
}

export function createAuthorize(options: ObjectsOptions): Authorize {
  const { db, access, apps, environments, builds, processes, rollouts, ships, spaces } = options

  async function ofShip(id: string): Promise<Place[]> {
    const ship = await ships.view(id)
    return ship.apps.map(({ app }) => ({ app, environment: ship.environment, space: ship.space }))
  }

  async function placesBehind(objects: Exclude<Objects, 'none'>, input: Input): Promise<Place[]> {
    const [id = ''] = textsAt(input, Object.values(objects)[0]!)
    if ('app' in objects && 'environment' in objects) {
      const [environment = ''] = textsAt(input, objects.environment)
      await environments.get(db, environment)
      const space = spaceIn(input, objects.inSpace)
      return textsAt(input, objects.app).map((app) => ({ app, environment, space }))
    }
    if ('everywhere' in objects) return everywhere(id)
    if ('rollout' in objects) return [await rollouts.get(db, id)]
    if ('run' in objects) return [await processes.run(id)]
    if ('ship' in objects) return ofShip(id)
    if ('tree' in objects) {
      const { names, environment } = await ships.asked(input as unknown as StartInput)
      const space = spaceIn(input, objects.inSpace)
      return names.map((app) => ({ app, environment, space }))
    }
    if ('build' in objects) {
      const { app } = await builds.view(id)
      const waiting = await ships.ofBuild(id)
      return waiting.length > 0 ? waiting.map((place) => ({ ...place, app })) : everywhere(app)
    }
    throw new Error(`nobody knows what ${Object.keys(objects)} is`)
  }

  /** Wherever anything of an app is: what runs, config, databases. */
  async function everywhere(app: string): Promise<Place[]> {
    const [known, targets, ...others] = await Promise.all([
      environments.list(db),
      rollouts.targets(db, { app }),
      options.config.placesOf(db, app),
      options.needs.placesOf(db, app),
    ])
    const names = new Set([...targets.map(({ environment }) => environment), ...others.flat()])
    const places = known.filter(({ name }) => names.has(name)).map(({ name }) => ({ app, environment: name }))
    return places.length > 0 ? places : [{ app, environment: null }]
  }

  async function touchedBy(objects: Exclude<Objects, 'none'>, input: Input): Promise<Touched[]> {
    if ('environment' in objects && !('app' in objects)) {
      const [environment = ''] = textsAt(input, objects.environment)
      await environments.get(db, environment)
      return [{ app: null, owner: null, environment }]
    }
    if ('space' in objects)
      return ofSpace(textsAt(input, objects.space)[0]!, objects.app && textsAt(input, objects.app)[0])
    const places = await placesBehind(objects, input)
    return Promise.all(
      places.map(async ({ app, environment, space }) => {
        const owned = space ? await spaces.ownedAs(db, space) : null
        const of = owned ? { space: { name: owned.name, person: owned.owner } } : {}
        return { app, environment, owner: await apps.ownerOf(db, app), ...of }
      }),
    )
  }

  /** NOT_FOUND where there is none. */
  async function ofSpace(name: string, app: string | undefined): Promise<Touched[]> {
    const { environment, owner: person } = await spaces.ownedAs(db, name, 'required')
    const of = { environment, space: { name, person } }
    if (app === undefined) return [{ app: null, owner: null, ...of }]
    return [{ app, owner: await apps.ownerOf(db, app), ...of }]
  }

  return async (principal, permission, objects, input) => {
    if (!isScoped(permission) || objects === 'none') return
    const touched = await touchedBy(objects, input)
    // Nothing is touched, so nothing can be permitted.
    if (touched.length === 0) throw new TowError('NOT_FOUND', 'there is nothing of that in any environment')
    access.require({ name: principal.name, principal }, permission, touched)
  }
}
