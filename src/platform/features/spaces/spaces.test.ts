import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { WholePlatform } from '../../../../test/whole-platform.ts'
import type { Client } from '../../../client/client.ts'
import { copy, openSpaceWorld, type SpaceWorld, shop } from './testing.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
let world: SpaceWorld
let platform: WholePlatform
let client: Client
let into: SpaceWorld['into']

beforeAll(async () => {
  world = await openSpaceWorld()
  ;({ platform, client, into } = world)
  await client.config.set({
    app: 'shop',
    environment: 'stage',
    set: { REGION: { value: 'eu' }, API_KEY: { value: 'k3y', secret: true } },
  })
}, 60_000)
afterAll(() => world?.close())

const set = async (space: string) => (await client.spaces.get({ space })).apps[0]!.set
const configOf = async (space: string) => platform.engine.configOf(copy(space), await set(space))

describe('what is shipped into a space', () => {
  test('runs beside the environment, which has no release of it and goes on as it was', async () => {
    const releases = async () =>
      (await client.releases.list({ app: 'shop', environment: 'stage' })).map(({ number }) => number)
    const before = await releases()
    const ship = await into({ name: 'mine' }, shop('', 'mine 1'))
    expect(ship).toMatchObject({ state: 'live', space: 'mine', environment: 'stage' })
    expect(ship.apps[0]).toMatchObject({ release: 1, urls: ['http://shop--mine.stage.localhost'] })
    expect(await releases()).toEqual(before)
    const [listed] = await client.apps.list({})
    expect(listed!.environments[0]!.urls).toEqual(['http://shop.stage.localhost'])
    const { apps } = await client.spaces.get({ space: 'mine' })
    expect(apps).toMatchObject([{ app: 'shop', set: 'mine.1', state: 'live', live: false, swap: null }])
    const desired = platform.engine.world.desired(copy('mine'))
    expect(desired.split).toEqual([{ weights: { 'mine.1': 1 } }])
    expect(desired.overlay?.banner).toBe('mine, a space of ada over stage')
  })

  test('does not do the work of the environment twice, and says so', async () => {
    const { apps } = await client.spaces.get({ space: 'mine' })
    expect(apps[0]!.processes).toMatchObject({ web: { wanted: 1, healthy: 1 }, worker: { wanted: 0 } })
    expect(apps[0]!.off).toMatchObject([
      { what: 'worker', because: expect.stringContaining('--with worker') },
    ])
    await into({ name: 'mine', with: ['worker'] }, shop('', 'mine 2'))
    const again = (await client.spaces.get({ space: 'mine' })).apps[0]!
    expect(again).toMatchObject({ set: 'mine.2', processes: { worker: { wanted: 1, healthy: 1 } }, off: [] })
  })

  test('finds the environment’s config, what differs in the space, and where it is', async () => {
    await into({ name: 'mine', config: { shop: { REGION: { value: 'us' }, TOKEN: { value: 't0ken' } } } })
    expect(await configOf('mine')).toMatchObject({
      ...{ REGION: 'us', API_KEY: 'k3y', TOKEN: 't0ken' },
      ...{ TOW_SPACE: 'mine', TOW_APP: 'shop', TOW_ENVIRONMENT: 'stage', TOW_RELEASE: await set('mine') },
    })
    // Of its name it is a secret, and a secret is shown to nobody.
    expect(await client.spaces.config({ space: 'mine', app: 'shop' })).toMatchObject([
      { key: 'REGION', value: 'us', secret: false },
      { key: 'TOKEN', value: null, secret: true },
    ])
    const everything = JSON.stringify([
      await client.spaces.list({}),
      await client.spaces.plan({ space: 'mine' }),
      await client.events.list({ limit: 500 }),
      (await sql`select * from spaces, space_apps, space_config, ships`.execute(platform.database.db)).rows,
    ])
    expect(everything).not.toContain('t0ken')
    expect(everything).not.toContain('k3y')
  })

  test('follows the config of the environment, but for what differs', async () => {
    const before = await set('mine')
    await client.config.set({
      app: 'shop',
      environment: 'stage',
      set: { REGION: { value: 'ap' }, LEVEL: { value: 'debug' } },
    })
    expect(await set('mine')).not.toBe(before)
    await world.until(
      () => configOf('mine'),
      (config) => config?.LEVEL === 'debug',
    )
    expect(await configOf('mine')).toMatchObject({ REGION: 'us' })
    await client.spaces.configure({ space: 'mine', app: 'shop', unset: ['REGION'] })
    await world.until(
      () => configOf('mine'),
      (config) => config?.REGION === 'ap',
    )
  })

  test('is told what differs from below', async () => {
    const [plan] = await client.spaces.plan({ space: 'mine' })
    expect(plan).toMatchObject({ app: 'shop', below: expect.any(Number) })
    expect(plan!.differences).toContainEqual(
      expect.objectContaining({ kind: 'config', name: 'TOKEN', before: null, after: 'a secret of its own' }),
    )
    expect(plan!.differences).toContainEqual(expect.objectContaining({ kind: 'off', name: 'worker' }))
  })

  test('follows somebody’s files where that is asked for, and says what it was built from', async () => {
    const live = { shop: { commands: { web: 'serve --watch' }, reloading: ['web'] } }
    await into({ name: 'dev', live })
    expect(platform.engine.world.desired(copy('dev')).sets[0]!.live).toEqual(live.shop)
    expect((await client.spaces.get({ space: 'dev' })).apps[0]).toMatchObject({ live: true, attached: null })
    const workspace = await client.spaces.workspace({ space: 'dev', app: 'shop' })
    expect(workspace).toMatchObject({
      set: 'dev.1',
      root: '.',
      made: [],
      compiled: false,
      inputs: ['tow.yaml'],
    })
    expect(
      (await client.spaces.attend({ space: 'dev', apps: ['shop'] })).space.apps[0]!.attached,
    ).toMatchObject({ by: 'ada' })
    await client.spaces.remove({ space: 'dev' })
  })

  test('is looked into and run in like an environment', async () => {
    const at = copy('mine')
    const list = await client.processes.list(at)
    const { revision } = (await client.spaces.get({ space: 'mine' })).apps[0]!
    expect(list.processes).toMatchObject([{ process: 'web', release: revision, state: 'healthy' }])
    const { id } = await client.processes.run({ ...at, command: 'true', detached: true })
    expect(await client.processes.getRun({ id })).toMatchObject({ space: 'mine', release: revision })
    await world.until(
      () => platform.engine.calls,
      (calls) => calls.includes(`run shop/stage/mine ${id}`),
    )
    expect((await client.processes.listRuns(at)).map((one) => one.id)).toEqual([id])
    expect(await client.processes.listRuns({ app: 'shop', environment: 'stage' })).toEqual([])
    await client.processes.restart(at)
    expect((await client.spaces.get({ space: 'mine' })).apps[0]!.revision).toBeGreaterThan(revision)
    await expect(client.processes.list({ ...at, environment: 'prod' })).rejects.toMatchObject({
      code: 'REFUSED',
    })
    await world.state('mine', 'live')
  })

  test('is unchanged where it is the same again', async () => {
    await world.state('mine', 'live')
    const before = await set('mine')
    const ship = await into({ name: 'mine' })
    expect(ship.apps[0]).toMatchObject({ state: 'unchanged' })
    expect(await set('mine')).toBe(before)
  })

  test('fails with the last lines where it does not come up, and leaves everyone else alone', async () => {
    platform.engine.world.behave(copy('broken'), { outcome: 'crash' })
    const ship = await into({ name: 'broken' })
    expect(ship).toMatchObject({ state: 'failed' })
    expect(ship.apps[0]!.error).toMatchObject({ lastLines: ['Error: cannot find the map'] })
    await world.state('broken', 'failed')
    expect((await client.apps.get({ app: 'shop' })).environments[0]).toMatchObject({ state: 'healthy' })
    await client.spaces.remove({ space: 'broken' })
    await world.gone('broken')
  })

  test('is refused before anything is built where it can’t run, all at once', async () => {
    const files = shop(', env: { NEEDED: { required: true }, OTHER: { required: true } }')
    await expect(into({ name: 'lacking' }, files)).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringMatching(/NEEDED[\s\S]*OTHER/),
    })
    // Nothing of a refused delivery stays, its space included.
    expect((await client.spaces.list({})).map(({ name }) => name)).not.toContain('lacking')
    const given = { NEEDED: { value: '1' }, OTHER: { value: '2' } }
    expect(await into({ name: 'lacking', config: { shop: given } }, files)).toMatchObject({ state: 'live' })
    await client.spaces.remove({ space: 'lacking' })
  })

  test('changes nothing of the environment: neither its config, nor its apps, nor whose they are', async () => {
    const files = {
      'tow.yaml': `version: 1\napps:\n  shop: { owner: taken, processes: { web: { command: serve } }, env: { REGION: { secret: true }, MADE: { generated: true }, LEFT: { default: d3fault } } }\n  fresh: { processes: { web: { command: serve } } }\n`,
      main: 'with a generated key',
    }
    const facts = async () => ({
      config: await client.config.list({ app: 'shop', environment: 'stage' }),
      apps: (await client.apps.list({})).map(({ name, owner }) => ({ name, owner })),
    })
    const before = await facts()
    expect(await into({ name: 'harmless' }, files)).toMatchObject({ state: 'live' })
    const given = async () => {
      const { apps } = await client.spaces.get({ space: 'harmless' })
      const shopSet = apps.find(({ app }) => app === 'shop')!.set
      return platform.engine.configOf(copy('harmless'), shopSet)
    }
    const first = await given()
    expect(first).toMatchObject({ REGION: 'ap', LEFT: 'd3fault', MADE: expect.stringMatching(/^.{43}$/) })
    await into({ name: 'harmless' }, { ...files, main: 'once more' })
    expect(await given()).toMatchObject({ MADE: first!.MADE })
    expect(await facts()).toEqual(before)
    await client.spaces.remove({ space: 'harmless' })
    await world.gone('harmless')
    expect(await facts()).toEqual(before)
  })

  test('runs the release command only where that is asked for', async () => {
    const files = {
      ...shop(),
      'tow.yaml':
        'version: 1\napps:\n  shop: { processes: { web: { command: serve }, release: { command: migrate } } }\n',
    }
    await into({ name: 'migrating' }, files)
    expect(platform.engine.calls.filter((call) => call.startsWith('run shop/stage/migrating'))).toEqual([])
    expect((await client.spaces.get({ space: 'migrating' })).apps[0]!.off).toMatchObject([
      { what: 'release' },
    ])
    await into({ name: 'migrating', release: true }, files)
    expect(platform.engine.calls.filter((call) => call.startsWith('run shop/stage/migrating'))).toHaveLength(
      1,
    )
    expect((await client.spaces.get({ space: 'migrating' })).apps[0]).toMatchObject({
      state: 'live',
      off: [],
    })
    platform.engine.world.behave(copy('migrating'), { job: { ms: 10, state: 'failed' } })
    const failed = await into({ name: 'migrating', release: true }, { ...files, main: 'other' })
    expect(failed.apps[0]!.error?.message).toContain('the release command failed')
    await client.spaces.remove({ space: 'migrating' })
  })
})

describe('a space', () => {
  test('leaves nothing behind when it is removed', async () => {
    await into({
      name: 'leaving',
      config: { shop: { TOKEN: { value: 't0ken' } } },
      webhook: 'https://hooks.example.com/x',
    })
    await client.spaces.invite({ space: 'leaving', for: 'qa' })
    await client.spaces.remove({ space: 'leaving' })
    await world.gone('leaving')
    expect(
      platform.engine.world
        .observe(copy('leaving'))
        .sets.flatMap(({ processes }) => processes.filter(({ state }) => state !== 'stopping')),
    ).toEqual([])
    const { db } = platform.database
    const left = await sql<{ table: string; count: number }>`
      select 'apps' as table, count(*)::int from space_apps where space = 'leaving'
      union all select 'invitations', count(*)::int from space_invitations where space = 'leaving'
      union all select 'config', count(*)::int from space_config where space = 'leaving'
      union all select 'secrets', count(*)::int from sealed where key like 'space:%'
        and split_part(key, ':', 2) not in (select id from spaces)`.execute(db)
    expect(left.rows.map(({ count }) => count)).toEqual([0, 0, 0, 0])
    expect((await world.kinds('leaving'))[0]).toBe('space.removed')
    // The name is free, and its next life starts from nothing.
    await into({ name: 'leaving' })
    expect(await configOf('leaving')).not.toHaveProperty('TOKEN')
    await client.spaces.remove({ space: 'leaving' })
    await world.gone('leaving')
  })

  test('stops without being forgotten, and starts as it was', async () => {
    await client.spaces.stop({ space: 'mine' })
    await world.state('mine', 'stopped')
    const { door } = (
      await world.until(
        () => platform.engine.world.desired(copy('mine')),
        ({ sets }) => sets.length === 0,
      )
    ).overlay!
    // Its links lead to what is below, and let in as before.
    expect(door).toMatchObject({ revoked: [] })
    const { id } = await client.spaces.invite({ space: 'mine', for: 'qa' })
    await client.spaces.uninvite({ space: 'mine', id })
    await world.until(
      () => platform.engine.world.desired(copy('mine')).overlay?.door?.revoked,
      (revoked) => revoked?.includes(id) === true,
    )
    expect(await client.spaces.start({ space: 'mine' })).toMatchObject({ started: ['shop'] })
    await world.state('mine', 'live')
    expect(await configOf('mine')).toMatchObject({ TOW_SPACE: 'mine' })
  })

  test('sleeps when nobody asks, and wakes when somebody waits', async () => {
    const model = platform.engine.world
    platform.engine.advance(29 * MINUTE)
    await world.state('mine', 'live')
    model.demand(copy('mine'), { lastAskedAt: new Date(model.now()).toISOString() })
    platform.engine.advance(29 * MINUTE)
    await world.state('mine', 'live')
    platform.engine.advance(2 * MINUTE)
    await world.state('mine', 'asleep')
    const { meter } = await rowOf('mine')
    expect(meter).toMatchObject({ cpuMillis: 0 })
    await world.until(
      async () => model.desired(copy('mine')).sets[0]?.processes.web?.count,
      (count) => count === 0,
    )
    // It is still there for whoever asks.
    expect(Object.values(model.desired(copy('mine')).split[0]!.weights)).toEqual([1])
    model.demand(copy('mine'), { lastAskedAt: new Date(model.now()).toISOString(), waiting: 1 })
    platform.engine.advance(0)
    await world.state('mine', 'live')
    model.demand(copy('mine'), { lastAskedAt: new Date(model.now()).toISOString(), waiting: 0 })
    expect(await world.kinds('mine')).toEqual(expect.arrayContaining(['space.slept', 'space.woke']))
  })

  test('does not sleep under somebody who is at it', async () => {
    await client.spaces.attend({ space: 'mine', apps: ['shop'] })
    for (let minutes = 0; minutes < 60; minutes += 1) {
      platform.engine.advance(MINUTE)
      await client.spaces.attend({ space: 'mine', apps: ['shop'] })
    }
    expect(await client.spaces.get({ space: 'mine' })).toMatchObject({
      apps: [{ state: 'live', attached: { by: 'ada' } }],
    })
  })

  test('expires, is kept by use and by command, and never for longer than is allowed', async () => {
    const model = platform.engine.world
    await into({ name: 'short', expiresInHours: 2 })
    const first = await client.spaces.get({ space: 'short' })
    const extended = await client.spaces.extend({ space: 'short', expiresInHours: 4 })
    expect(Date.parse(extended.expiresAt) - Date.parse(first.expiresAt)).toBeGreaterThan(HOUR)
    model.demand(copy('short'), { lastAskedAt: new Date(model.now() + 3 * HOUR).toISOString() })
    platform.engine.advance(3 * HOUR)
    const used = await world.until(
      () => client.spaces.get({ space: 'short' }),
      ({ expiresAt }) => Date.parse(expiresAt) > Date.parse(extended.expiresAt),
    )
    expect(Date.parse(used.expiresAt) - model.now()).toBeLessThanOrEqual(4 * HOUR)
    await expect(client.spaces.extend({ space: 'short', expiresInHours: 31 * 24 })).rejects.toMatchObject({
      code: 'BAD_INPUT',
    })
    platform.engine.advance(5 * HOUR)
    await sql`select pg_notify('tow', 'spaces')`.execute(platform.database.db)
    await world.gone('short')
    expect(await world.kinds('short')).toEqual(expect.arrayContaining(['space.expired', 'space.removed']))
  })

  test('goes with the app that is in it', async () => {
    const files = {
      'tow.yaml': 'version: 1\napps:\n  only: { processes: { web: { command: serve } } }\n',
      main: '1',
    }
    await platform.ship(files, 'only')
    await into({ name: 'with-app' }, files)
    await client.apps.remove({ app: 'only', confirm: 'only' })
    await world.until(
      () => client.spaces.get({ space: 'with-app' }),
      ({ apps }) => apps.length === 0,
    )
    await client.spaces.remove({ space: 'with-app' })
    await world.gone('with-app')
  })

  test('holds up the removal of the environment below, which could not end it any more', async () => {
    const files = {
      'tow.yaml': 'version: 1\napps:\n  alone: { processes: { web: { command: serve } } }\n',
      main: '1',
    }
    await client.environments.add({ name: 'extra' })
    const { id } = await client.ships.start({
      ...{
        tree: await platform.tree(files),
        folderName: 'alone',
        environment: 'extra',
        space: { name: 'over-extra' },
      },
    })
    await world.follow(id)
    await expect(client.environments.remove({ name: 'extra' })).rejects.toMatchObject({
      code: 'REFUSED',
      hint: 'tow spaces remove over-extra',
    })
    await client.spaces.remove({ space: 'over-extra' })
    await world.gone('over-extra')
    await client.environments.remove({ name: 'extra' })
  })
})

const rowOf = async (space: string) =>
  (
    await sql<{ meter: { cpuMillis: number } }>`select * from space_apps where space = ${space}`.execute(
      platform.database.db,
    )
  ).rows[0]!

describe('whose a space is', () => {
  test('its name is its owner’s; operators may change it, and nobody else', async () => {
    const ann = await world.someone('ann', [{ role: 'developer', environment: 'stage' }])
    const bob = await world.someone('bob', [{ role: 'developer', environment: 'stage' }])
    const ola = await world.someone('ola', [{ role: 'operator', environment: 'stage' }])
    expect(await into({ name: 'anns' }, shop('', 'ann'), ann)).toMatchObject({ state: 'live' })
    await expect(into({ name: 'anns' }, shop('', 'bob'), bob)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: 'bob may not change the space anns: it belongs to ann',
    })
    await expect(bob.spaces.links({ space: 'anns' })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(bob.processes.run({ ...copy('anns'), command: 'env' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    })
    expect(await bob.spaces.get({ space: 'anns' })).toMatchObject({ owner: 'ann' })
    expect(await ola.spaces.extend({ space: 'anns' })).toMatchObject({ space: 'anns' })
    await ola.spaces.remove({ space: 'anns' })
    await world.gone('anns')
  })

  test('a person has so many, and is told what mends it', async () => {
    const eve = await world.someone('eve', [{ role: 'developer', environment: 'stage' }], 'person')
    for (let number = 1; number <= 5; number += 1) await into({ name: `eve-${number}` }, shop('', 'eve'), eve)
    await expect(into({ name: 'eve-6' }, shop('', 'eve'), eve)).rejects.toMatchObject({
      ...{ code: 'REFUSED', message: 'eve has 5 spaces, and that is the most' },
      hint: expect.stringContaining('tow spaces remove eve-'),
    })
    // What is there may still be changed.
    expect(await into({ name: 'eve-5' }, shop('', 'eve 2'), eve)).toMatchObject({ state: 'live' })
    for (let number = 1; number <= 5; number += 1) await eve.spaces.remove({ space: `eve-${number}` })
    await world.gone('eve-1')
  })
})
