/** Full spaces as the platform has them: whether one can be had is the engine's word, and what is full stays so. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../../client/client.ts'
import { copy, openSpaceWorld, type SpaceWorld, shop } from './testing.ts'

let world: SpaceWorld
let client: Client

beforeAll(async () => {
  world = await openSpaceWorld()
  ;({ client } = world)
}, 60_000)
afterAll(() => world?.close())

const add = (space: string, full: boolean) =>
  client.spaces.add({ space, environment: 'stage', apps: ['shop'], full })

describe('a full space', () => {
  test('is refused with the engine’s reason where it can’t be had, and nothing is made', async () => {
    await expect(add('nowhere', true)).rejects.toMatchObject({
      ...{ code: 'REFUSED', message: 'there is no place for nowhere' },
    })
    expect((await client.spaces.list({})).map(({ name }) => name)).not.toContain('nowhere')
    expect(await add('nowhere', false)).toMatchObject({ space: 'nowhere' })
  })

  test('is told to the engine for whatever is started in it, and stays full through deliveries', async () => {
    await add('alone', true)
    expect(await world.state('alone', 'live')).toMatchObject({ full: true, place: 'a place for alone' })
    expect(await world.kinds('alone')).toContain('space.created')
    await world.into({ name: 'alone' }, shop('', 'alone 2'))
    expect(await world.state('alone', 'live')).toMatchObject({ full: true, place: 'a place for alone' })
    expect(await client.spaces.get({ space: 'nowhere' })).toMatchObject({ full: false, place: null })
  })

  test('can’t be made of an overlay that is there', async () => {
    await world.into({ name: 'mine' })
    await expect(add('mine', true)).rejects.toMatchObject({
      message: 'mine is there as an overlay, and can’t become a full space',
      hint: expect.stringContaining('tow spaces remove mine'),
    })
    expect(await add('alone', true)).toMatchObject({ space: 'alone' })
  })

  test('gives its place back with its last copy', async () => {
    await client.spaces.remove({ space: 'alone' })
    await world.gone('alone')
    expect(world.platform.engine.places()).toEqual([])
  })
})

describe('counts of a copy that are set by hand', () => {
  const scale = (counts: Record<string, number | null>, reason?: string) =>
    client.processes.scale({ ...copy('mine'), counts, ...(reason ? { reason } : {}) })
  const wanted = async () => {
    const { apps } = await client.spaces.get({ space: 'mine' })
    return Object.fromEntries(Object.entries(apps[0]!.processes).map(([name, one]) => [name, one.wanted]))
  }

  test('hold for it alone, through deliveries, and are shown with who and why', async () => {
    await world.into({ name: 'mine' }, shop('', 'mine 1'))
    expect(await scale({ web: 2, worker: 1 }, 'a test')).toEqual({
      counts: { web: { before: 1, after: 2 }, worker: { before: 0, after: 1 } },
    })
    await world.into({ name: 'mine' }, shop('', 'mine 2'))
    expect(await wanted()).toEqual({ web: 2, worker: 1 })
    await world.until(
      async () => (await client.spaces.get({ space: 'mine' })).apps[0]!.processes,
      ({ web, worker }) => web!.healthy === 2 && worker!.healthy === 1,
    )
    const { overrides } = await client.processes.list(copy('mine'))
    expect(overrides).toMatchObject([
      { process: 'web', count: 2, by: 'ada', reason: 'a test' },
      { process: 'worker', count: 1 },
    ])
    expect((await client.processes.list({ app: 'shop', environment: 'stage' })).overrides).toEqual([])
    const [event] = await client.events
      .list({ limit: 200 })
      .then((all) => all.filter(({ kind }) => kind === 'process.scaled'))
    expect(event).toMatchObject({
      message: 'Scaled shop in mine over stage: web 1 → 2, worker 0 → 1 (a test)',
      facts: { space: 'mine' },
    })
  })

  test('are cleared by null, and go with the copy', async () => {
    expect(await scale({ worker: null })).toEqual({ counts: { worker: { before: 1, after: 0 } } })
    expect(await wanted()).toEqual({ web: 2, worker: 0 })
    await client.spaces.remove({ space: 'mine' })
    await world.gone('mine')
    await world.into({ name: 'mine' }, shop('', 'mine 3'))
    expect(await wanted()).toEqual({ web: 1, worker: 0 })
  })

  test('hold for what is stopped once it starts again', async () => {
    await client.spaces.stop({ space: 'mine' })
    await scale({ web: 3 })
    expect(await wanted()).toEqual({ web: 0, worker: 0 })
    await client.spaces.start({ space: 'mine' })
    expect(await wanted()).toEqual({ web: 3, worker: 0 })
    await world.state('mine', 'live')
  })

  test('are refused of a process that it does not have, of a space that is not there, and of somebody else’s', async () => {
    await expect(scale({ nothing: 1 })).rejects.toMatchObject({
      ...{ code: 'NOT_FOUND', hint: 'it has web and worker' },
    })
    await expect(client.processes.scale({ ...copy('none'), counts: { web: 1 } })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    const bob = await world.someone('bob', [{ role: 'developer', environment: 'stage' }])
    await expect(bob.processes.scale({ ...copy('mine'), counts: { web: 2 } })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    })
  })
})
