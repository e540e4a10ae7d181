import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { must, openWorld, runGit, TOW, TWO, type World } from '../../../../test/git-world.ts'
import { TOKEN } from '../../../../test/serve.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(async () => {
  const { faults } = world
  await world.close()
  expect(faults).toEqual([])
})

describe('a push that can’t pass', () => {
  test('a build that fails refuses the push, releases nothing and says why', async () => {
    await world.commit({ ...TWO, 'web/fail': 'yes' })
    const { exit, text } = await world.push('tow', 'main')
    expect(exit).toBe(1)
    expect(text).toContain('web: . does not compile')
    expect(text).toContain('mend it')
    expect(text).toContain('Nothing was released')
    expect(text).toContain('pre-receive hook declined')
    expect(await world.released()).toEqual([])
    expect(await world.main()).toBe('')
  })

  test('a rollout that fails refuses it too and names what is live already; pushing again ships the rest', async () => {
    await world.commit({
      ...TWO,
      'tow.yaml': TOW.replace('web: { path: web,', 'web: { path: web, needs: [api],'),
    })
    world.rollouts.web = 'failed'
    const first = await world.push('tow', 'main')
    expect(first.exit).toBe(1)
    expect(first.text).toContain('web never became healthy')
    expect(first.text).toContain('it crashed')
    expect(first.text).toContain('api is live on this commit already')
    expect(await world.main()).toBe('')
    world.rollouts.web = 'live'
    const again = await world.push('tow', 'main')
    expect(again).toMatchObject({ exit: 0 })
    expect(again.text).toContain('api is left alone')
    expect(await world.released()).toEqual(['api', 'web', 'web'])
  })

  test('a mistake in a file is named with its line, before anything is built', async () => {
    await world.commit({ ...TWO, 'tow.yaml': `${TOW}  bad: { path: gone }\n` })
    const { exit, text } = await world.push('tow', 'main')
    expect(exit).toBe(1)
    expect(text).toMatch(/tow\.yaml:5:\d+: .*gone/)
    expect(text).not.toContain('building')
  })

  test('main can’t be removed', async () => {
    await world.commit(TWO)
    await must(world.push('tow', 'main'))
    const { exit, text } = await world.push('tow', ':main')
    expect(exit).toBe(1)
    expect(text).toContain('main can’t be removed')
    expect(await world.main()).not.toBe('')
  })

  test('pointers of Git LFS are refused with the reason and the way out', async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12345\n`
    await world.commit({
      ...TWO,
      '.gitattributes': '*.bin filter=lfs diff=lfs -text\n',
      'web/film.bin': pointer,
    })
    const { exit, text } = await world.push('tow', 'main')
    expect(exit).toBe(1)
    expect(text).toContain('web/film.bin is kept in Git LFS')
    expect(text).toContain('tow ship')
    await world.commit({ '.towignore': '*.bin\n' })
    expect(await world.push('tow', 'main')).toMatchObject({ exit: 0 })
  })

  test('a push without the token is refused, and so is one with another', async () => {
    await world.commit(TWO)
    await must(world.git('config', 'credential.helper', ''))
    expect((await world.push('tow', 'main')).text).toContain('could not read Username')
    await must(world.git('config', 'credential.helper', '!echo username=ada; echo password=nonsense; #'))
    expect((await world.push('tow', 'main')).text).toContain('Authentication failed')
    expect(existsSync(join(world.fixture.home, 'git', 'shop.git'))).toBe(false)
  })

  test.each(['../shop.git', '%2e%2e%2fshop.git', 'Shop.git', '.git', 'hooks'])(
    'the name %s is no repository',
    async (name) => {
      const answer = await fetch(`${world.server.url}/git/${name}/info/refs?service=git-receive-pack`, {
        headers: { authorization: `Basic ${Buffer.from(`x:${TOKEN}`).toString('base64')}` },
      })
      expect([400, 404]).toContain(name === 'hooks' ? 404 : answer.status)
      expect((await readdir(join(world.fixture.home, 'git'))).sort()).toEqual(
        name === 'hooks' ? expect.arrayContaining(['hooks']) : ['hooks'],
      )
    },
  )
})

describe('main', () => {
  test('ships every app the first time, with builds and rollouts told as they happen', async () => {
    await world.commit(TWO, 'Begin')
    const { exit, text } = await world.push('tow', 'main')
    expect({ exit, text }).toMatchObject({ exit: 0 })
    expect(text).toContain('"Begin"')
    expect(text).toContain('Shipping api and web to stage.')
    expect(text).toContain('api │ compiled .')
    expect(text).toContain('✓ web  live v1')
    expect(text).toContain('web  http://web.stage.localhost')
    expect(await world.main()).toBe((await world.git('rev-parse', 'HEAD')).text.trim())
  })

  test('ships only apps whose folder changed, and accepts a commit that changes none', async () => {
    await world.commit(TWO)
    await must(world.push('tow', 'main'))
    await world.commit({ 'web/main': 'web 2' })
    const one = await world.push('tow', 'main')
    expect(one.text).toContain('api is left alone')
    expect(one.text).toContain('Shipping web to stage.')
    await world.commit({ 'README.md': 'hello again' })
    const none = await world.push('tow', 'main')
    expect(none).toMatchObject({ exit: 0 })
    expect(none.text).toContain('Nothing to ship')
    expect((await world.released()).sort()).toEqual(['api', 'web', 'web'])
  })

  test('compares files, not commits: a change that is taken back ships nothing', async () => {
    await world.commit(TWO)
    await must(world.push('tow', 'main'))
    await world.commit({ 'web/main': 'web 2' })
    await world.commit({ 'web/main': 'web 1' })
    expect((await world.push('tow', 'main')).text).toContain('Nothing to ship')
    await must(world.git('commit', '--amend', '-qm', 'Say it otherwise'))
    const forced = await world.push('--force', 'tow', 'main')
    expect(forced).toMatchObject({ exit: 0 })
    expect(forced.text).toContain('This push replaces')
    expect(forced.text).toContain('Nothing to ship')
  })

  test('ships an app whose declaration changed though its folder did not', async () => {
    await world.commit(TWO)
    await must(world.push('tow', 'main'))
    await world.commit({
      'tow.yaml': TOW.replace(
        'path: api, processes: { web: { command: serve }',
        'path: api, processes: { web: { command: serve, count: 2 }',
      ),
    })
    expect((await world.push('tow', 'main')).text).toContain('Shipping api to stage.')
  })

  test('a force push ships what it brings', async () => {
    await world.commit(TWO)
    await world.commit({ 'web/main': 'web 2' })
    await must(world.push('tow', 'main'))
    await must(world.git('reset', '-q', '--hard', 'HEAD~1'))
    const refused = await world.push('tow', 'main')
    expect(refused).toMatchObject({ exit: 1 })
    expect(await world.push('--force', 'tow', 'main')).toMatchObject({ exit: 0 })
    expect((await world.released()).filter((app) => app === 'web')).toHaveLength(2)
  })

  test('a submodule is left out with a word', async () => {
    await world.commit(TWO)
    const head = (await world.git('rev-parse', 'HEAD')).text.trim()
    await must(world.git('update-index', '--add', '--cacheinfo', `160000,${head},web/lib`))
    await must(world.git('commit', '-qm', 'Add a submodule'))
    const { exit, text } = await world.push('tow', 'main')
    expect(exit).toBe(0)
    expect(text).toContain('web/lib is a submodule: its files are not shipped.')
  })

  test('a shallow clone can push, also to an empty repository', async () => {
    await world.commit(TWO)
    await world.commit({ 'web/main': 'web 2' })
    const shallow = await mkdtemp(join(tmpdir(), 'tow-shallow-'))
    try {
      await must(runGit(tmpdir(), ['clone', '-q', '--depth', '1', `file://${world.folder}`, shallow]))
      const helper = `!echo username=ada; echo password=${TOKEN}; #`
      await must(runGit(shallow, ['config', 'credential.helper', helper]))
      for (const subject of ['Begin', 'Go on']) {
        await writeFile(join(shallow, 'web', 'main'), subject)
        await must(runGit(shallow, ['commit', '-qam', subject]))
        const { exit, text } = await runGit(shallow, ['push', world.url, 'main'])
        expect({ exit, text }).toEqual({ exit: 0, text: expect.stringContaining('Live in stage') })
      }
    } finally {
      await rm(shallow, { recursive: true, force: true })
    }
  })
})

describe('other branches', () => {
  test('are stored, not shipped, and say so', async () => {
    await world.commit(TWO)
    const { exit, text } = await world.push('tow', 'main:try', 'main:refs/tags/v1')
    expect(exit).toBe(0)
    expect(text).toContain('try is stored and was not shipped')
    expect(text).toContain('git push tow try:main')
    expect(text).toContain('The tag v1 is stored')
    expect(await world.released()).toEqual([])
    expect((await world.push('tow', ':try')).text).toContain('try is removed')
    expect(await must(world.git('fetch', 'tow', 'tag', 'v1'))).toContain('')
  })
})

describe('pushes at once', () => {
  test('the second waits for the first, and is refused when main has moved', async () => {
    const gate = join(world.folder, '..', `${world.folder.split('/').at(-1)}-gate`)
    await world.commit({ ...TWO, 'web/wait': gate })
    const first = world.startPush('tow', 'main')
    await first.until('building')
    await world.commit({ 'web/main': 'web 2' })
    const second = world.startPush('tow', 'main')
    await second.until('this one waits')
    await writeFile(gate, '')
    expect(await first.ended).toMatchObject({ exit: 0 })
    const told = await second.ended
    expect(told.exit).toBe(1)
    expect(told.text).toContain('another push moved main')
    expect(await world.push('tow', 'main')).toMatchObject({ exit: 0 })
    await rm(gate)
  })

  test('a push that is cut off while it builds is given up, and nothing of it is left', async () => {
    await world.commit({ ...TWO, 'web/wait': join(world.folder, 'never') })
    const cut = world.startPush('tow', 'main')
    await cut.until('› web  building')
    const { rows } = await shipIds()
    process.kill(-cut.child.pid!, 'SIGKILL')
    await world.fixture.until(rows[0]!, (ship) => ship.state === 'cancelled')
    expect(await world.released()).toEqual([])
    await expect.poll(() => incoming()).toEqual([])
    expect(await world.main()).toBe('')
    await world.commit({ 'web/wait': null })
    expect(await world.push('tow', 'main')).toMatchObject({ exit: 0 })
  })

  test('cut off while it rolls out it goes on, and pushing again takes up the same delivery', async () => {
    await world.commit(TWO)
    world.rollouts.api = 'hold'
    world.rollouts.web = 'hold'
    const cut = world.startPush('tow', 'main')
    await cut.until('web  releasing v1')
    process.kill(-cut.child.pid!, 'SIGKILL')
    await expect.poll(() => incoming()).toEqual([])
    const again = world.startPush('tow', 'main')
    await again.until('This commit is being shipped already: api and web')
    await world.fixture.roll('api', 'live')
    await world.fixture.roll('web', 'live')
    expect(await again.ended).toMatchObject({ exit: 0 })
    expect((await world.released()).sort()).toEqual(['api', 'web'])
  })

  async function shipIds(): Promise<{ rows: string[] }> {
    const found = await world.fixture.database.database.db
      .withTables<{ ships: { id: string } }>()
      .selectFrom('ships')
      .select('id')
      .execute()
    return { rows: found.map(({ id }) => id) }
  }

  async function incoming(): Promise<string[]> {
    const objects = join(world.fixture.home, 'git', 'shop.git', 'objects')
    return (await readdir(objects)).filter((name) => name.includes('incoming'))
  }
})
