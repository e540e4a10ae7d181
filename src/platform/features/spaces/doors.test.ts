import { createHmac } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runGit } from '../../../../test/git-world.ts'
import type { WholePlatform } from '../../../../test/whole-platform.ts'
import type { Client } from '../../../client/client.ts'
import { copy, openSpaceWorld, type SpaceWorld, shop } from './testing.ts'

let world: SpaceWorld
let platform: WholePlatform
let client: Client

beforeAll(async () => {
  world = await openSpaceWorld()
  ;({ platform, client } = world)
  await world.into({ name: 'mine' })
}, 60_000)
afterAll(() => world?.close())

const OTHER = {
  'tow.yaml': 'version: 1\napps:\n  other: { processes: { web: { command: serve } } }\n',
  main: '1',
}
const overlay = (space = 'mine') => platform.engine.world.desired(copy(space)).overlay

/** As the router judges it, in words of its own. */
function lets(url: string, space = 'mine'): boolean {
  const token = new URL(url).searchParams.get('tow-preview')!
  const [expiry, id, signature] = token.split('.') as [string, string, string]
  const door = overlay(space)!.door!
  const signed = createHmac('sha256', Buffer.from(door.key, 'base64url')).update(`${space}.${expiry}.${id}`)
  const now = platform.engine.world.now()
  return signed.digest('base64url') === signature && Number(expiry) * 1000 > now && !door.revoked.includes(id)
}

describe('links', () => {
  test('of the owner lead to every app of the environment through the space', async () => {
    await platform.ship(OTHER, 'other')
    const links = await client.spaces.links({ space: 'mine' })
    expect(links.map(({ app, own }) => ({ app, own }))).toEqual([
      { app: 'shop', own: true },
      { app: 'other', own: false },
    ])
    expect(links[0]!.url).toMatch(/^http:\/\/shop--mine\.stage\.localhost\/\?tow-preview=/)
    expect(links.every(({ url }) => lets(url))).toBe(true)
  })

  test('of an invitation let in until they expire or are revoked, and no other', async () => {
    const qa = await client.spaces.invite({ space: 'mine', for: 'qa', expiresInHours: 24 })
    const product = await client.spaces.invite({ space: 'mine', for: 'product', expiresInHours: 24 })
    expect([qa, product].map(({ links }) => lets(links[0]!.url))).toEqual([true, true])
    expect(await client.spaces.uninvite({ space: 'mine', id: qa.id })).toMatchObject({ state: 'revoked' })
    await world.until(
      () => overlay()?.door?.revoked,
      (revoked) => revoked?.includes(qa.id) === true,
    )
    expect([qa, product].map(({ links }) => lets(links[0]!.url))).toEqual([false, true])
    platform.engine.advance(25 * 3_600_000)
    expect(lets(product.links[0]!.url)).toBe(false)
    expect((await client.spaces.invitations({ space: 'mine' })).map(({ state }) => state)).toEqual([
      'revoked',
      'expired',
    ])
    expect(await world.kinds('mine')).toEqual(expect.arrayContaining(['space.invited', 'space.uninvited']))
  })

  test('of one space do not open another, and are nowhere to be read', async () => {
    await world.into({ name: 'yours' }, shop('', 'yours'))
    const [link] = await client.spaces.links({ space: 'mine' })
    expect(lets(link!.url)).toBe(true)
    expect(lets(link!.url, 'yours')).toBe(false)
    const signature = link!.url.split('.').at(-1)!
    const everything = [
      await client.spaces.list({}),
      await client.events.list({ limit: 1000 }),
      platform.logged,
    ]
    expect(JSON.stringify(everything)).not.toContain(signature)
    await client.spaces.remove({ space: 'yours' })
    await world.gone('yours')
  })
})

describe('a swap', () => {
  test('is one person’s at a time, seen by everyone, and given back by one command', async () => {
    await client.spaces.start({ space: 'mine' })
    await world.state('mine', 'live')
    const swap = await client.spaces.swap({ space: 'mine', app: 'shop', seconds: 3600 })
    await world.until(
      () => overlay()?.swap?.until,
      (until) => until === Date.parse(swap.until),
    )
    expect((await client.spaces.get({ space: 'mine' })).apps[0]!.swap).toEqual(swap)
    await world.into({ name: 'rival' })
    await expect(client.spaces.swap({ space: 'rival', app: 'shop' })).rejects.toMatchObject({
      code: 'CONFLICT',
      message: expect.stringContaining('ada has the traffic for shop in stage in mine'),
      hint: 'tow spaces unswap shop -e stage gives it back',
    })
    // Whoever may change the app gives it back, also where the space is somebody else's.
    const bob = await world.someone('bob', [{ role: 'developer', environment: 'stage' }])
    expect(await bob.spaces.unswap({ app: 'shop', environment: 'stage' })).toMatchObject({ space: 'mine' })
    await world.until(
      () => overlay(),
      (now) => now !== undefined && now.swap === undefined,
    )
    await expect(bob.spaces.unswap({ app: 'shop', environment: 'stage' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    expect(await client.spaces.swap({ space: 'rival', app: 'shop' })).toMatchObject({ by: 'ada' })
    await client.spaces.remove({ space: 'rival' })
    await world.gone('rival')
  })

  test('ends by itself when its holder is gone, and lasts while they say that they are there', async () => {
    await client.spaces.swap({ space: 'mine', app: 'shop', seconds: 60 })
    const { until } = await client.spaces.attend({ space: 'mine', apps: ['shop'] })
    const held = (await client.spaces.get({ space: 'mine' })).apps[0]!
    expect(held.swap!.until).toBe(until)
    platform.engine.advance(10 * 60_000)
    await world.until(
      () => client.spaces.get({ space: 'mine' }),
      ({ apps }) => apps[0]!.swap === null && apps[0]!.attached === null,
    )
    await world.until(
      () => overlay(),
      (now) => now?.swap === undefined,
    )
    expect(await world.kinds('mine')).toContain('space.swap-ended')
    // Nobody is in its way any more.
    expect(await client.spaces.swap({ space: 'mine', app: 'shop', seconds: 60 })).toMatchObject({ by: 'ada' })
    await client.spaces.unswap({ app: 'shop', environment: 'stage' })
  })
})

describe('a review space', () => {
  let server: Server
  let told: { path: string; body: { space: string; links: { app: string; url: string }[] } }[]
  let answer = 200
  let hook: string

  beforeAll(async () => {
    told = []
    server = createServer((request, response) => {
      let text = ''
      request.on('data', (chunk) => (text += chunk))
      request.on('end', () => {
        told.push({ path: request.url!, body: JSON.parse(text) })
        response.writeHead(answer).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    hook = `http://127.0.0.1:${(server.address() as AddressInfo).port}/h00k`
  })
  afterAll(() => new Promise((resolve) => server.close(resolve)))

  test('tells its webhook once it is live, once for each delivery, with links that let in', async () => {
    await world.into({ name: 'pr-1', webhook: hook })
    await world.until(
      () => told.length,
      (count) => count === 1,
    )
    expect(told[0]).toMatchObject({
      path: '/h00k',
      body: { space: 'pr-1', environment: 'stage', owner: 'ada' },
    })
    expect(lets(told[0]!.body.links[0]!.url, 'pr-1')).toBe(true)
    await world.into({ name: 'pr-1' }, shop('', 'pr 1, again'))
    await world.until(
      () => told.length,
      (count) => count === 2,
    )
    // Its path may be a secret, and is nobody's to read.
    const everything = [await client.spaces.list({}), await client.events.list({ limit: 1000 })]
    expect(JSON.stringify(everything)).not.toContain('h00k')
    expect(await world.kinds('pr-1')).toContain('space.told')
  })

  test('gives up on a webhook that goes on failing, and says so', async () => {
    answer = 500
    const before = told.length
    await world.into({ name: 'pr-2', webhook: hook })
    await world.until(
      async () => {
        platform.engine.advance(60_000)
        await sql`select pg_notify('tow', 'spaces')`.execute(platform.database.db)
        return world.kinds('pr-2')
      },
      (kinds) => kinds.includes('space.not-told'),
    )
    expect(told.length - before).toBe(6)
    await client.spaces.remove({ space: 'pr-2' })
  }, 60_000)

  test('goes when its branch is deleted in the repository of the platform, and no other does', async () => {
    answer = 200
    const folder = await mkdtemp(join(tmpdir(), 'tow-branch-'))
    const { name: repository } = await client.git.connect({ folderName: 'reviewed' })
    const url = `${platform.url.replace('://', `://x:${platform.token}@`)}/git/${repository}.git`
    const git = async (...parameters: string[]) => {
      const { exit, text } = await runGit(folder, parameters)
      expect(exit, text).toBe(0)
    }
    await git('init', '-q', '-b', 'fix-map')
    await writeFile(join(folder, 'main'), '1')
    await git('add', '-A')
    await git('commit', '-qm', 'Fix the map')
    await git('push', url, 'fix-map', 'fix-map:other')
    await world.into({ name: 'pr-4', branch: { name: 'fix-map', repository } })
    await world.into({ name: 'pr-5', branch: { name: 'fix-map', repository: 'elsewhere' } })
    await git('push', url, '--delete', 'other')
    expect(await client.spaces.get({ space: 'pr-4' })).toMatchObject({ removing: false, branch: 'fix-map' })
    await git('push', url, '--delete', 'fix-map')
    await world.gone('pr-4')
    expect(await client.spaces.get({ space: 'pr-5' })).toMatchObject({ removing: false })
    await client.spaces.remove({ space: 'pr-5' })
    await rm(folder, { recursive: true, force: true })
  })

  test('is refused a webhook to which a secret would travel in clear', async () => {
    await expect(world.into({ name: 'pr-3', webhook: 'http://hooks.example.com/x' })).rejects.toMatchObject({
      code: 'REFUSED',
      hint: 'use https://',
    })
  })
})
