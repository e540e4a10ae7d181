import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { must, openWorld, TWO, type World } from '../../../../test/git-world.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(async () => {
  const { faults } = world
  await world.close()
  expect(faults).toEqual([])
})

describe('a branch that can’t be shipped', () => {
  test('is one of a repository that nobody pushed to', async () => {
    await expect(world.server.client.git.tree({ repository: 'shop', branch: 'main' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'nothing was pushed to shop yet',
    })
  })

  test.each(['gone', 'try~1', 'try^{tree}', '../heads/try', '--all', 'HEAD'])(
    'is one of the name %s, and the hint says how to list them',
    async (branch) => {
      await world.commit(TWO)
      await must(world.push('tow', 'main:try'))
      await expect(world.server.client.git.tree({ repository: 'shop', branch })).rejects.toMatchObject({
        code: 'NOT_FOUND',
        message: `shop has no branch ${JSON.stringify(branch)}`,
        hint: 'tow git branches lists those that were pushed',
      })
    },
  )

  test('is one that holds pointers of Git LFS', async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12345\n`
    const attributes = '*.bin filter=lfs diff=lfs -text\n'
    await world.commit({ ...TWO, '.gitattributes': attributes, 'web/film.bin': pointer })
    await must(world.push('tow', 'main:try'))
    await expect(world.server.client.git.tree({ repository: 'shop', branch: 'try' })).rejects.toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining('web/film.bin'),
    })
  })
})

describe('a branch that was pushed and not shipped', () => {
  test('is listed with its newest commit, and only for apps that its repository declares', async () => {
    await world.commit(TWO, 'Begin')
    await must(world.push('tow', 'main:try'))
    const { client } = world.server
    const [branch, ...others] = await client.git.branches({})
    expect(others).toEqual([])
    expect(branch).toMatchObject({ repository: 'shop', branch: 'try', subject: 'Begin', author: 'ada' })
    expect(await client.git.branches({ app: 'api' })).toEqual([branch])
    expect(await client.git.branches({ app: 'elsewhere' })).toEqual([])
  })

  test('becomes a tree that ships, and main does not move', async () => {
    await world.commit(TWO, 'Begin')
    await must(world.push('tow', 'main:try/it'))
    const taken = await world.server.client.git.tree({ repository: 'shop', branch: 'try/it' })
    expect(taken.apps).toEqual(['api', 'web'])
    expect(taken.origin).toMatchObject({ branch: 'try/it', subject: 'Begin', dirty: false })
    const { ships } = world.fixture.platform
    const ship = await ships.begin(
      { name: 'ada' },
      { ...taken, apps: ['web'], environment: 'stage', whenBusy: 'supersede', rebuild: false },
    )
    await world.fixture.until(ship.id, ({ state }) => state === 'live')
    expect(await world.released()).toEqual(['web'])
    expect(await world.main()).toBe('')
  })

  test('is known by what it holds now, also after its repository was told of another app', async () => {
    await world.commit(TWO)
    await must(world.push('tow', 'main:try'))
    const { client } = world.server
    expect(await client.git.branches({ app: 'more' })).toEqual([])
    await world.commit({
      'tow.yaml': TWO['tow.yaml'].replace('  web:', '  more:'),
    })
    await must(world.push('tow', 'main:try'))
    expect(await client.git.branches({ app: 'more' })).toHaveLength(1)
  })
})
