import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Control, openControl } from '../../../../test/control.ts'
import { MODEL_ENTRANCE } from '../../../../test/model-engine.ts'
import { serveForTest, type TestServer } from '../../../../test/serve.ts'
import { openWholePlatform, type WholePlatform } from '../../../../test/whole-platform.ts'
import type { Client } from '../../../client/client.ts'
import { createDomains, domainMigrations } from './index.ts'
import { readHost } from './rules.ts'

const DAY = 86_400_000
const MANIFEST = 'version: 1\napps:\n  shop: { processes: { web: { command: serve } } }\n'

describe('a name', () => {
  test.each([
    ['Shop.Example.COM', 'shop.example.com'],
    ['shop.example.com.', 'shop.example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    [`${'a'.repeat(63)}.example.com`, `${'a'.repeat(63)}.example.com`],
  ])('%s is kept as it travels', (written, host) => expect(readHost(written)).toBe(host))

  test.each([
    ['https://shop.example.com', /more than a name/],
    ['shop.example.com:443', /more than a name/],
    ['shop.example.com/cart', /more than a name/],
    ['shop example.com', /more than a name/],
    ['*.example.com', /stands for many names/],
    ['shop', /a single part/],
    ['192.168.1.1', /no domain name/],
    ['0x7f.1', /no domain name/],
    ['shop_1.example.com', /no domain name/],
    ['-shop.example.com', /no domain name/],
    ['shop..example.com', /no domain name/],
    [`${'a'.repeat(64)}.example.com`, /no domain name/],
    [`${'a.'.repeat(126)}example.com`, /no domain name/],
    ['xn--.example', /no domain name/],
  ])('%s is refused in a sentence', (written, message) => expect(() => readHost(written)).toThrow(message))
})

describe('a domain', () => {
  let control: Control
  let server: TestServer
  let client: Client
  let domains: ReturnType<typeof createDomains>
  const dns = new Map<string, string[] | Error>()
  const shop = { app: 'web-app', environment: 'stage' }
  const add = (host: string, more: object = {}) => client.domains.add({ ...shop, host, ...more })
  const one = async (host: string) => (await client.domains.list({})).find((domain) => domain.host === host)
  const desired = () => control.engine.world.desired(shop)
  const applied = (...hosts: string[]) =>
    control.passUntil(
      () => JSON.stringify(desired().domains?.map(({ host }) => host) ?? []) === JSON.stringify(hosts),
    )
  const events = async () =>
    (
      await control.test.db
        .selectFrom('events')
        .selectAll()
        .where('kind', 'like', 'domain.%')
        .orderBy('position')
        .execute()
    ).map(({ kind, by, message }) => `${kind} ${by}: ${message}`)

  beforeAll(async () => {
    control = await openControl({ migrations: domainMigrations })
    domains = createDomains({
      database: control.test.database,
      clock: { now: () => new Date(control.engine.world.now()) },
      engines: async () => control.engine,
      rollouts: control.rollouts,
      async resolve(name) {
        const found = dns.get(name) ?? []
        if (found instanceof Error) throw found
        return found
      },
      onError: (error) => control.errors.push(error),
      watchEvery: 10,
    })
    server = await serveForTest({ database: control.test.database, routes: domains.routes })
    client = server.client
  })
  afterAll(async () => {
    await domains?.stop()
    await server?.close()
    await control?.close()
    expect(control.errors).toEqual([])
  })

  test('is refused where nothing of the app is, and where the engine has its reasons', async () => {
    await expect(add('shop.example.com')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'web-app has no release in stage',
    })
    await expect(add('shop.model')).rejects.toMatchObject({ code: 'REFUSED' })
    expect(await client.domains.list({})).toEqual([])
    expect(await events()).toEqual([])
  })

  test('reaches the engine without a release, and stays through those that follow', async () => {
    const { rollout } = await control.ship()
    await control.until(rollout, 'live')
    expect(await add('Shop.Example.com')).toEqual({ host: 'shop.example.com', certificate: null })
    await applied('shop.example.com')
    expect(await control.rollouts.live(control.test.db, 'web-app', 'stage')).toBe(1)
    const next = await control.ship()
    await control.until(next.rollout, 'live')
    expect(desired().domains).toEqual([{ host: 'shop.example.com' }])
  })

  test('that is added again changes nothing, or its certificate', async () => {
    await add('shop.example.com')
    await add('shop.example.com', { certificate: 'shop-tls' })
    await control.passUntil(() => desired().domains?.[0]?.certificate === 'shop-tls')
    expect(await events()).toEqual([
      'domain.added ada: web-app in stage answers to shop.example.com',
      'domain.changed ada: web-app in stage answers to shop.example.com with the certificate shop-tls',
    ])
  })

  test('leads to one app, and whoever comes second is told to which', async () => {
    const other = { app: 'other', environment: 'stage' }
    const { rollout } = await control.ship(other)
    await control.until(rollout, 'live')
    await expect(client.domains.add({ ...other, host: 'shop.example.com' })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: 'shop.example.com leads to web-app in stage, and a name leads to one app',
      hint: 'tow domains remove shop.example.com -a web-app -e stage',
    })
    await expect(client.domains.remove({ ...other, host: 'shop.example.com' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'other in stage does not answer to shop.example.com',
    })
  })

  test('of many who want it at once is had by one', async () => {
    const other = { app: 'other', environment: 'stage' }
    const asked = [shop, other, shop, other].map((place) =>
      client.domains.add({ ...place, host: 'race.example.com' }).then(
        () => place.app,
        (error) => error.code,
      ),
    )
    const answers = await Promise.all(asked)
    const winner = (await one('race.example.com'))!.app
    expect(new Set(answers)).toEqual(new Set([winner, 'CONFLICT']))
    await client.domains.remove({ app: winner, environment: 'stage', host: 'race.example.com' })
  })

  test('is never lost to another that is added in the same moment', async () => {
    const hosts = Array.from({ length: 8 }, (_, index) => `n${index}.example.com`)
    await Promise.all(hosts.map((host) => add(host)))
    await applied(...hosts, 'shop.example.com')
    await Promise.all(hosts.map((host) => client.domains.remove({ ...shop, host })))
    await applied('shop.example.com')
  })

  test('is one of 15 at most', async () => {
    const hosts = Array.from({ length: 14 }, (_, index) => `m${index}.example.com`)
    for (const host of hosts) await add(host)
    await expect(add('more.example.com')).rejects.toMatchObject({
      code: 'REFUSED',
      message: 'web-app in stage answers to 15 names of its own, the most there are',
    })
    expect(await one('more.example.com')).toBeUndefined()
    for (const host of hosts) await client.domains.remove({ ...shop, host })
  })

  test('is ready when its name leads to where the environment is entered', async () => {
    await applied('shop.example.com')
    expect(await one('shop.example.com')).toMatchObject({
      state: 'attention',
      dns: { leadsTo: [], wanted: [MODEL_ENTRANCE], agrees: false },
      findings: [
        {
          message: `its name leads nowhere, and the environment is entered at ${MODEL_ENTRANCE}`,
          hint: `at whoever keeps its zone: shop.example.com. A ${MODEL_ENTRANCE}`,
        },
      ],
    })
    dns.set('shop.example.com', [MODEL_ENTRANCE, '198.51.100.7'])
    expect(await one('shop.example.com')).toMatchObject({ state: 'attention', dns: { agrees: false } })
    dns.set('shop.example.com', [MODEL_ENTRANCE])
    expect(await one('shop.example.com')).toMatchObject({
      state: 'ready',
      dns: { agrees: true },
      findings: [],
    })
    expect(await domains.check()).toEqual([
      { name: 'domains', ok: true, message: 'nothing is to be done for shop.example.com' },
    ])
    control.engine.seeDomain('shop.example.com', { entrances: ['lb.example.net'] })
    dns.set('lb.example.net', [MODEL_ENTRANCE])
    expect(await one('shop.example.com')).toMatchObject({
      state: 'ready',
      dns: { wanted: ['lb.example.net'] },
    })
    dns.set('lb.example.net', new Error('SERVFAIL'))
    expect(await one('shop.example.com')).toMatchObject({ state: 'ready', dns: { agrees: null } })
  })

  test('is pending while it comes by itself, and unknown while the engine is away', async () => {
    control.engine.seeDomain('shop.example.com', { isTaken: false })
    expect(await one('shop.example.com')).toMatchObject({ state: 'pending', findings: [] })
    control.engine.away('the model is away')
    expect(await one('shop.example.com')).toMatchObject({
      state: 'unknown',
      findings: [{ message: 'the model is away' }],
    })
    control.engine.away(null)
  })

  test('says what the engine misses, with what helps, also to tow doctor', async () => {
    const problem = { code: 'no-listener', message: 'nobody listens', hint: 'kubectl patch ...' }
    control.engine.seeDomain('shop.example.com', { isTaken: false, problems: [problem] })
    expect(await one('shop.example.com')).toMatchObject({
      state: 'attention',
      findings: [{ message: 'nobody listens', hint: 'kubectl patch ...' }],
    })
    expect(await domains.check()).toEqual([
      {
        name: 'domain shop.example.com',
        ok: false,
        message: 'web-app in stage: nobody listens',
        mend: 'kubectl patch ...',
      },
    ])
  })

  test('warns of the end of its certificate from 21 days before on, once, and tells that it was renewed', async () => {
    const ends = (days: number) => {
      const expiresAt = new Date(control.engine.world.now() + days * DAY + DAY / 2).toISOString()
      control.engine.seeDomain('shop.example.com', { expiresAt })
      return expiresAt.slice(0, 10)
    }
    const before = (await events()).length
    const told = async () => (await events()).slice(before)
    ends(21)
    await domains.start()
    expect(await one('shop.example.com')).toMatchObject({ state: 'ready' })
    const day = ends(20)
    expect(await one('shop.example.com')).toMatchObject({
      state: 'attention',
      findings: [{ message: `its certificate shop-tls ends on ${day}, in 20 days` }],
    })
    await control.passUntil(async () => (await told()).length > 0)
    expect(await told()).toEqual([
      `domain.expiring towpath: The certificate shop-tls of shop.example.com ends on ${day}`,
    ])
    const gone = ends(-2)
    expect((await one('shop.example.com'))!.findings[0]!.message).toBe(
      `its certificate shop-tls ended on ${gone}: browsers refuse it`,
    )
    await control.passUntil(async () => (await told()).length > 1)
    const renewed = ends(90)
    await control.passUntil(async () => (await told()).length > 2)
    expect((await told()).at(-1)).toBe(
      `domain.renewed towpath: The certificate shop-tls of shop.example.com is renewed, and ends on ${renewed}`,
    )
  })

  test('that is removed is taken from the engine, and answers with what brings it back', async () => {
    expect(await client.domains.remove({ ...shop, host: 'SHOP.example.com' })).toEqual({
      host: 'shop.example.com',
      certificate: 'shop-tls',
    })
    await applied()
    expect((await events()).at(-1)).toBe(
      'domain.removed ada: web-app in stage no longer answers to shop.example.com',
    )
  })
})

describe('the domains of an app', () => {
  let platform: WholePlatform
  beforeAll(async () => {
    platform = await openWholePlatform()
  }, 60_000)
  afterAll(() => platform?.close())

  test('are not copied by a promotion, and go with it when it is removed', async () => {
    await platform.ship({ 'tow.yaml': MANIFEST, main: '1' })
    const { client } = platform
    await client.domains.add({ app: 'shop', environment: 'stage', host: 'shop.example.com' })
    const [release] = await client.releases.list({ app: 'shop', environment: 'stage' })
    await client.pipelines.promote({
      to: 'prod',
      apps: [{ app: 'shop', from: 'stage', release: release!.id }],
    })
    expect((await client.domains.list({})).map(({ environment }) => environment)).toEqual(['stage'])
    await client.apps.remove({ app: 'shop', confirm: 'shop' })
    expect(await client.domains.list({})).toEqual([])
    const [event] = await client.events.list({ kind: 'domain.removed' })
    expect(event).toMatchObject({ by: 'ada', app: 'shop', environment: 'stage' })
  })
})
