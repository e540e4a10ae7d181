/** What is knocked for: apps of one team, of another, of nobody, one that is not there; each in stage and in prod. */
import { sql } from 'kysely'
import type { Objects } from '../../src/api/operation.ts'
import type { Ship } from '../../src/api/ships.ts'
import type { WholePlatform } from '../whole-platform.ts'
import type { Thing } from './samples.ts'

const NO_IDS = { ship: 's_none', rollout: 'o_none', run: 'u_none', build: 'b_none', artifact: '0'.repeat(64) }
const OWNERS = { 'red-app': 'red', 'blue-app': 'blue', 'free-app': null, ghost: null } as const
type AppName = keyof typeof OWNERS

function source(app: AppName, needed: boolean): Record<string, string> {
  const owner = OWNERS[app] === null ? '' : `owner: ${OWNERS[app]}, `
  const env = needed ? ', env: { NEEDED: { required: true } }' : ''
  const tow = `version: 1\napps:\n  ${app}: { path: ${app}, ${owner}processes: { web: { command: serve } }${env} }\n`
  return { 'tow.yaml': tow, [`${app}/main`]: app }
}

async function shipped({ client }: WholePlatform, tree: string, environment: string): Promise<Ship> {
  const { id } = await client.ships.start({ tree, folderName: 'shop', environment })
  return follow({ client }, id)
}

async function follow({ client }: Pick<WholePlatform, 'client'>, id: string): Promise<Ship> {
  for await (const update of await client.ships.follow({ id })) {
    if (update.type === 'ship' && update.ship.state === 'live') return update.ship
    if (update.type === 'ship' && update.ship.state !== 'running')
      throw new Error(JSON.stringify(update.ship))
  }
  throw new Error(`the delivery ${id} has no end`)
}

/** Makes what can be touched, as whoever started the platform: the teams that `tow.yaml` names are made on the way. */
export async function makeThings(platform: WholePlatform): Promise<(objects: Objects | null) => Thing[]> {
  const { client } = platform
  const things = new Map<string, Thing>()
  for (const app of Object.keys(OWNERS) as AppName[]) {
    const owner = OWNERS[app]
    // Whoever may ship this is told what it lacks, so nothing changes.
    const tree = await platform.tree(source(app, true))
    for (const environment of ['stage', 'prod']) {
      const thing = {
        ...{ name: `${app} in ${environment}`, app, owner, environments: [environment], tree },
        ...{ space: 'walked', person: null },
      }
      if (app === 'ghost') {
        things.set(`${app} ${environment}`, { ...thing, isAbsent: false, ids: NO_IDS })
        continue
      }
      const ship = await shipped(platform, await platform.tree(source(app, false)), environment)
      const run = await client.processes.run({ app, environment, command: 'true', detached: true })
      const [build] = await client.builds.list({ app, limit: 1 })
      const { rollout } = ship.apps[0]!
      const ids = {
        ship: ship.id,
        rollout: rollout!,
        run: run.id,
        build: build!.id,
        artifact: build!.artifact!,
      }
      things.set(`${app} ${environment}`, { ...thing, isAbsent: false, ids })
    }
  }
  // One of whoever started the platform, and one of somebody who may change red-app alone.
  const spaces = { walked: 'ada', 'walked-red': 'red-stage' } as const
  for (const [name, person] of Object.entries(spaces)) {
    const { id } = await client.ships.start({
      ...{ tree: await platform.tree(source('red-app', false)), folderName: 'shop', environment: 'stage' },
      space: { name },
    })
    await follow(platform, id)
    await sql`update spaces set owner = ${person} where name = ${name}`.execute(platform.database.db)
  }
  const all = [...things.values()]
  const here = all.filter(({ app }) => app !== 'ghost')
  const inStage = (app: AppName) => things.get(`${app} stage`)!
  const nowhere = (thing: Thing): Thing => ({
    ...{ ...thing, environments: ['nowhere'], isAbsent: true },
    name: `${thing.app} in an environment that is not there`,
  })

  return (objects) => {
    if (objects === null || objects === 'none') return [inStage('red-app')]
    if ('space' in objects) {
      const apps = objects.app ? (['red-app', 'blue-app', 'free-app'] as const) : (['red-app'] as const)
      const inSpaces = Object.entries(spaces).flatMap(([space, person]) =>
        apps.map((app) => ({ ...inStage(app), name: `${app} in ${space}`, space, person })),
      )
      return [
        ...inSpaces,
        { ...inStage('red-app'), name: 'a space that is not there', space: 'ghost', isAbsent: true },
      ]
    }
    if ('app' in objects || 'tree' in objects)
      return [...all, nowhere(inStage('red-app')), nowhere(inStage('ghost'))]
    if ('environment' in objects) return [...all.slice(0, 2), nowhere(inStage('red-app'))]
    if ('everywhere' in objects || 'build' in objects) {
      const apps = (Object.keys(OWNERS) as AppName[]).filter(
        (app) => 'everywhere' in objects || app !== 'ghost',
      )
      return apps.map((app) => ({
        ...inStage(app),
        ...{ name: `${app} everywhere`, environments: app === 'ghost' ? [] : ['stage', 'prod'] },
      }))
    }
    return [...here, { ...inStage('red-app'), name: 'an id that is not there', ids: NO_IDS, isAbsent: true }]
  }
}
