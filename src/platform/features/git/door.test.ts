import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { must, openWorld, runGit, TOW, TWO, type World } from '../../../../test/git-world.ts'
import { knock } from '../../../../test/malformed.ts'
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

describe('the repository of a folder', () => {
  test('is called after it, and after a number where another folder was pushed under that name', async () => {
    const { git } = world.server.client
    expect(await git.connect({ folderName: 'Shop', folder: '.' })).toEqual({
      name: 'shop',
      path: '/git/shop.git',
    })
    await world.commit({ 'deep/tow.yaml': TOW, 'deep/api/main': 'api', 'deep/web/main': 'web' })
    expect(await git.connect({ folderName: 'shop', folder: 'deep/' })).toMatchObject({ name: 'shop' })
    expect((await world.push('tow', 'main')).text).toContain('Shipping api and web')
    expect(await git.connect({ folderName: 'shop', folder: '.' })).toMatchObject({ name: 'shop-2' })
    expect(await git.connect({ folderName: 'shop', folder: 'deep' })).toMatchObject({ name: 'shop' })
    await expect(git.connect({ folderName: 'shop', folder: '../other' })).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: '"../other" is no folder inside a repository',
    })
  })
})

describe('the door itself', () => {
  test('whoever may not change apps can’t push, and reads why', async () => {
    const viewer = await openWorld(['read'])
    try {
      await viewer.commit(TWO)
      const { exit, text } = await viewer.push('tow', 'main')
      expect(exit).toBe(128)
      expect(text).toContain('ada lacks the permission app:change')
      expect(await viewer.main()).not.toMatch(/^[0-9a-f]{40}$/)
    } finally {
      await viewer.close()
    }
  })

  test('a repository to which nothing was pushed says so, and an empty one can be cloned', async () => {
    const clone = await mkdtemp(join(tmpdir(), 'tow-clone-'))
    const helper = `credential.helper=!echo username=ada; echo password=${TOKEN}; #`
    try {
      const unknown = await runGit(clone, ['-c', helper, 'clone', world.url])
      expect(unknown.text).toContain('nothing was pushed to shop yet')
      await world.server.client.git.connect({ folderName: 'shop', folder: '.' })
      expect(await runGit(clone, ['-c', helper, 'clone', world.url])).toMatchObject({ exit: 0 })
    } finally {
      await rm(clone, { recursive: true, force: true })
    }
  })

  const basic = { authorization: `Basic ${Buffer.from(`ada:${TOKEN}`).toString('base64')}` }

  test('a question that brings a body, which none does, is answered like any other', async () => {
    await world.server.client.git.connect({ folderName: 'shop', folder: '.' })
    const { status, text } = await knock(world.server.url, {
      method: 'GET',
      path: '/git/shop.git/info/refs?service=git-upload-pack',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: 'nobody reads this',
    })
    expect(status).toBe(200)
    expect(text).toContain('# service=git-upload-pack')
  })

  test('where Git is missing one sentence says so', async () => {
    const tools = await mkdtemp(join(tmpdir(), 'tow-tools-'))
    await symlink('/usr/bin/env', join(tools, 'env'))
    vi.stubEnv('PATH', tools)
    try {
      const answer = await fetch(`${world.url}/info/refs?service=git-receive-pack`, { headers: basic })
      expect(answer.status).toBe(503)
      expect(await answer.text()).toMatch(/^The program `git` is not installed here\.\nInstall Git/)
    } finally {
      vi.unstubAllEnvs()
      await rm(tools, { recursive: true })
    }
  })

  test('a request that Git has compressed is understood', async () => {
    await world.commit(TWO)
    await must(world.push('tow', 'main'))
    const line = (text: string) => (text.length + 4).toString(16).padStart(4, '0') + text
    const body = `${line(`want ${await world.main()}\n`)}0000${line('done\n')}`
    const answer = await fetch(`${world.url}/git-upload-pack`, {
      method: 'POST',
      headers: {
        ...basic,
        'content-type': 'application/x-git-upload-pack-request',
        'content-encoding': 'gzip',
      },
      body: gzipSync(body),
    })
    expect(answer.status).toBe(200)
    expect(await answer.text()).toMatch(/^0008NAK\nPACK/)
  })

  test('a push that breaks off while it is sent leaves nothing, and the next one passes', async () => {
    await world.commit({ ...TWO, 'web/large': randomBytes(4 * 1024 ** 2).toString('base64') })
    await must(world.push('tow', 'main:try'))
    const { port } = new URL(world.url)
    const socket = connect(Number(port), '127.0.0.1')
    socket.on('error', () => {})
    socket.write(
      `POST /git/shop.git/git-receive-pack HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: ${basic.authorization}\r\n` +
        'content-type: application/x-git-receive-pack-request\r\ntransfer-encoding: chunked\r\n\r\n',
    )
    const command = `${'0'.repeat(40)} ${'a'.repeat(40)} refs/heads/main\0report-status side-band-64k`
    const lines = `${(command.length + 4).toString(16).padStart(4, '0')}${command}0000PACK\0\0\0\x02\0\0\x10\0`
    socket.write(`${Buffer.byteLength(lines).toString(16)}\r\n${lines}\r\n`)
    const objects = join(world.fixture.home, 'git', 'shop.git', 'objects')
    const incoming = async () => (await readdir(objects)).filter((name) => name.includes('incoming'))
    await expect.poll(incoming).toHaveLength(1)
    socket.destroy()
    await expect.poll(incoming, { timeout: 10_000 }).toEqual([])
    expect(await world.push('tow', 'main')).toMatchObject({ exit: 0 })
  })

  test('a platform that stops refuses what is under way, and its delivery goes on when it is back', async () => {
    const gate = join(world.folder, 'gate')
    await world.commit({ ...TWO, 'web/wait': gate })
    const push = world.startPush('tow', 'main')
    await push.until('› web  building')
    await world.server.close()
    const { exit, text } = await push.ended
    expect(exit).toBe(1)
    expect(text).toContain('The platform is stopping')
    const [id] = (await world.fixture.database.database.db
      .withTables<{ ships: { id: string } }>()
      .selectFrom('ships')
      .select('id')
      .execute())!.map((row) => row.id)
    await writeFile(gate, '')
    await world.fixture.until(id!, (ship) => ship.state === 'live')
  })

  test('a history of 100 MB passes through with little memory', { timeout: 120_000 }, async () => {
    for (const setting of ['core.compression', 'pack.window']) await must(world.git('config', setting, '0'))
    await world.commit(TWO)
    for (let round = 0; round < 4; round += 1) {
      const files = Array.from({ length: 25 }, async (_, index) => {
        await writeFile(join(world.folder, `bulk-${index}`), randomBytes(1024 ** 2))
      })
      await Promise.all(files)
      await world.commit({}, `Round ${round}`)
    }
    await world.commit(Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`bulk-${index}`, null])))
    const before = process.memoryUsage().rss
    const { exit, text } = await world.push('tow', 'main')
    expect({ exit, text }).toEqual({ exit: 0, text: expect.stringContaining('Live in stage') })
    expect(process.memoryUsage().rss - before).toBeLessThan(90 * 1024 ** 2)
  })
})
