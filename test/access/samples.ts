/** One request for every operation of the contract that would go wrong, or change nothing, for whoever is let in. */
import type { Objects, Permission } from '../../src/api/operation.ts'

/** What a request touches, and everything that a sample may need to name it. */
export interface Thing {
  /** For the message of a test that fails. */
  name: string
  app: string
  owner: string | null
  /** Where; the sample names the first. */
  environments: readonly string[]
  /** An id, an environment or a tree that is not there is answered with 404. */
  isAbsent: boolean
  /** A space over the first of them, and whose it is. */
  space: string
  person: string | null
  ids: { ship: string; rollout: string; run: string; build: string; artifact: string }
  tree: string
}

type Sample = (thing: Thing) => Record<string, unknown>

const nothing: Sample = () => ({})
const place: Sample = ({ app, environments: [environment] }) => ({ app, environment })
const inSpace: Sample = ({ space }) => ({ space })
const byId = (kind: keyof Thing['ids']) => (thing: Thing) => ({ id: thing.ids[kind] })
const digest: Sample = ({ ids }) => ({ digest: ids.artifact })
const GHOST = 'ghost'
let serial = 0

export const SAMPLES: Record<string, Sample> = {
  'access.whoami': nothing,
  'apps.detect': ({ tree }) => ({ tree, folderName: 'shop' }),
  'apps.list': nothing,
  'apps.get': ({ app }) => ({ app }),
  'apps.own': ({ app, owner }) => ({ app, owner }),
  'apps.remove': ({ app }) => ({ app, confirm: 'nonsense' }),
  'builds.list': nothing,
  'builds.get': byId('build'),
  'builds.log': byId('build'),
  'builds.cancel': byId('build'),
  'builds.artifact': digest,
  'builds.sbom': digest,
  'config.list': place,
  'config.set': place,
  'config.reveal': (thing) => ({ ...place(thing), key: 'NOTHING' }),
  'config.rotateKey': nothing,
  'delivery.figures': nothing,
  'domains.list': nothing,
  'domains.add': (thing) => ({ ...place(thing), host: 'nonsense' }),
  'domains.remove': (thing) => ({ ...place(thing), host: `${GHOST}.example.com` }),
  'drains.list': nothing,
  'drains.add': ({ environments: [environment] }) => ({ environment, url: 'nonsense' }),
  'drains.remove': ({ environments: [environment] }) => ({ environment, id: GHOST }),
  'dumps.list': nothing,
  'dumps.take': (thing) => ({ ...place(thing), name: GHOST }),
  'dumps.remove': (thing) => ({ ...place(thing), name: GHOST }),
  'drift.list': nothing,
  'environments.list': nothing,
  'environments.add': () => ({ name: 'stage' }),
  'environments.export': () => ({ name: 'stage' }),
  'environments.probe': () => ({ name: 'stage' }),
  'environments.lend': () => ({ name: 'stage' }),
  'environments.remove': () => ({ name: 'stage' }),
  'environments.check': () => ({ name: 'stage' }),
  'environments.capacity': () => ({ name: 'stage' }),
  'events.list': nothing,
  'events.follow': nothing,
  'events.why': ({ app }) => ({ app }),
  'git.connect': () => ({ folderName: 'shop' }),
  'git.branches': nothing,
  'git.tree': () => ({ repository: GHOST, branch: 'main' }),
  'needs.list': nothing,
  'needs.connect': place,
  'needs.remove': (thing) => ({ ...place(thing), confirm: 'nonsense' }),
  'people.list': nothing,
  'people.whoMay': (thing) => ({ places: [{ app: thing.app, environment: thing.environments[0] }] }),
  'people.add': () => ({ name: 'ada' }),
  'people.change': () => ({ person: GHOST }),
  'people.revoke': () => ({ person: GHOST }),
  'people.remove': () => ({ person: GHOST }),
  'pipelines.get': nothing,
  'pipelines.plan': ({ app }) => ({ apps: [app] }),
  'pipelines.promote': ({ app, environments: [to] }) => ({
    to,
    apps: [{ app, from: 'stage', release: 'none' }],
  }),
  'processes.list': place,
  'processes.scale': (thing) => ({ ...place(thing), counts: { nothing: 1 } }),
  'processes.restart': (thing) => ({ ...place(thing), process: 'nothing' }),
  'processes.drift': place,
  'processes.settleDrift': (thing) => ({ ...place(thing), choice: 'adopt' }),
  'processes.logs': (thing) => ({ ...place(thing), lines: 1 }),
  'processes.maintain': (thing) => ({ ...place(thing), maintenance: null }),
  'processes.run': (thing) => ({ ...place(thing), command: 'true', detached: true }),
  'processes.forward': place,
  'processes.getRun': byId('run'),
  'processes.listRuns': place,
  'processes.samples': place,
  'releases.list': place,
  'releases.get': (thing) => ({ ...place(thing), number: 1 }),
  'releases.diff': (thing) => ({ ...place(thing), from: 1, to: 1 }),
  'releases.rollback': (thing) => ({ ...place(thing), plan: true }),
  'rollouts.list': nothing,
  'rollouts.get': byId('rollout'),
  'rollouts.follow': byId('rollout'),
  'rollouts.abort': byId('rollout'),
  'rollouts.retry': byId('rollout'),
  'ships.start': ({ tree, environments: [environment] }) => ({ tree, folderName: 'shop', environment }),
  'ships.get': byId('ship'),
  'ships.ofBuild': byId('build'),
  'ships.follow': byId('ship'),
  'ships.cancel': byId('ship'),
  'signIn.withPassword': () => ({ name: 1 }),
  'signIn.accept': () => ({ code: GHOST, password: 'short' }),
  'signIn.invite': () => ({ name: GHOST }),
  'signIn.changePassword': () => ({ present: 'nonsense', next: 'short' }),
  'signIn.browser': nothing,
  'signIn.signOut': () => ({ nonsense: true }),
  'spaces.add': ({ app, environments: [environment] }) => ({
    ...{ space: GHOST, environment, apps: [app], dumps: [GHOST] },
  }),
  'spaces.list': nothing,
  'spaces.get': inSpace,
  'spaces.calls': inSpace,
  'spaces.plan': inSpace,
  'spaces.workspace': (thing) => ({ ...inSpace(thing), app: GHOST }),
  'spaces.attend': (thing) => ({ ...inSpace(thing), apps: [GHOST] }),
  'spaces.stop': (thing) => ({ ...inSpace(thing), apps: [GHOST] }),
  'spaces.start': (thing) => ({ ...inSpace(thing), apps: [GHOST] }),
  'spaces.extend': inSpace,
  'spaces.remove': (thing) => ({ ...inSpace(thing), apps: [GHOST] }),
  'spaces.swap': (thing) => ({ ...inSpace(thing), app: thing.app }),
  'spaces.unswap': place,
  'spaces.links': inSpace,
  'spaces.invite': (thing) => ({ ...inSpace(thing), for: 'qa' }),
  'spaces.invitations': inSpace,
  'spaces.uninvite': (thing) => ({ ...inSpace(thing), id: GHOST }),
  'spaces.config': (thing) => ({ ...inSpace(thing), app: thing.app }),
  'spaces.configure': (thing) => ({ ...inSpace(thing), app: thing.app }),
  'system.status': nothing,
  'system.stop': nothing,
  'system.doctor': nothing,
  'teams.list': nothing,
  'teams.add': () => ({ name: 'red' }),
  'teams.remove': () => ({ team: GHOST }),
  'teams.join': () => ({ team: GHOST, person: GHOST }),
  'teams.leave': () => ({ team: GHOST, person: GHOST }),
  'tokens.list': nothing,
  'tokens.add': () => ({ name: `walk-${serial++}` }),
  'tokens.remove': () => ({ name: GHOST }),
  'tokens.listOf': () => ({ person: GHOST }),
  'tokens.addFor': () => ({ person: GHOST, name: 'walk' }),
  'tokens.removeOf': () => ({ person: GHOST, name: 'walk' }),
  'trees.put': ({ tree }) => ({ hash: tree, upserts: [] }),
}

const doorOf = ({ app, environments: [environment] }: Thing) => `/api/apps/${app}/environments/${environment}`

/** Doors beside the table, by method and address. */
export const DOORS: Record<
  string,
  { path: (thing: Thing) => string; permission?: Permission; objects: Objects; basic?: boolean }
> = {
  'POST /api/backups': { path: () => '/api/backups', permission: 'platform:administer', objects: 'none' },
  'POST /api/apps/:app/environments/:environment/dumps/:name': {
    path: ({ app, environments: [environment] }) =>
      `/api/apps/${app}/environments/${environment}/dumps/ghost`,
    objects: { app: 'app', environment: 'environment' },
  },
  'POST /api/blobs': { path: ({ tree }) => `/api/blobs?tree=${tree}`, objects: 'none' },
  'GET /api/runs/:id/terminal': {
    path: ({ ids }) => `/api/runs/${ids.run}/terminal`,
    objects: { run: 'id' },
  },
  'GET /api/apps/:app/environments/:environment/needs/postgres/stream': {
    path: (thing) => `${doorOf(thing)}/needs/postgres/stream`,
    ...{ permission: 'app:secret', objects: { app: 'app', environment: 'environment' } },
  },
  'GET /api/apps/:app/environments/:environment/processes/:process/ports/:port/stream': {
    path: (thing) => `${doorOf(thing)}/processes/web/ports/given/stream`,
    objects: { app: 'app', environment: 'environment' },
  },
  'GET /api/spaces/:space/apps/:app/processes/:process/ports/:port/stream': {
    path: ({ space, app }) => `/api/spaces/${space}/apps/${app}/processes/web/ports/given/stream`,
    objects: { space: 'space', app: 'app' },
  },
  'GET /api/spaces/:space/apps/:app/workspace/stream': {
    path: ({ space, app }) => `/api/spaces/${space}/apps/${app}/workspace/stream`,
    objects: { space: 'space', app: 'app' },
  },
  'GET /git/:repository/info/refs': {
    ...{ path: () => '/git/shop.git/info/refs?service=git-receive-pack', objects: 'none', basic: true },
  },
  'POST /git/:repository/git-upload-pack': {
    ...{ path: () => '/git/shop.git/git-upload-pack', objects: 'none', basic: true },
  },
  'POST /git/:repository/git-receive-pack': {
    ...{ path: () => '/git/shop.git/git-receive-pack', objects: 'none', basic: true },
  },
}
