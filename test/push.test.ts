/** `git push tow main` as a person uses it: their own Git, the real command, a real platform behind both. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../src/api/apps.ts'
import { runGit } from './git-world.ts'
import { newPerson, type Person } from './tow.ts'

let ann: Person
let project: string

beforeAll(async () => {
  ann = await newPerson()
  project = join(ann.folder, 'shop', 'services')
  await mkdir(project, { recursive: true })
  await write('hello', 'one')
  await write('other', 'one')
  await writeFile(
    join(project, 'tow.yaml'),
    'version: 1\napps:\n  hello: { path: hello }\n  other: { path: other }\n',
  )
  await git('init', '-q', '-b', 'main')
  await commit()
})
afterAll(() => ann?.leave(), 120_000)

const git = (...parameters: string[]) => runGit(join(ann.folder, 'shop'), parameters)

async function write(app: string, text: string): Promise<void> {
  await mkdir(join(project, app), { recursive: true })
  await writeFile(join(project, app, 'index.html'), `<p>${text}</p>`)
}

async function commit(): Promise<void> {
  await git('add', '-A')
  expect(await git('commit', '-qm', 'Change it')).toMatchObject({ exit: 0 })
}

async function live(name: string) {
  const apps = await ann.ask<App[]>(['apps'])
  const place = apps.find((app) => app.name === name)!.environments[0]!
  const url = place.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
  return { release: place.release, text: await (await fetch(url)).text() }
}

describe('git push tow main', { timeout: 120_000 }, () => {
  test('tow ship adds the remote once, with a helper for its address alone', async () => {
    const { exit, stderr } = await ann.tow(['ship'], { cwd: project })
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: expect.stringContaining('added the remote tow') })
    const config = await readFile(join(ann.folder, 'shop', '.git', 'config'), 'utf8')
    expect(config).toMatch(/\[credential "http:\/\/127\.0\.0\.1:\d+\/git\/services\.git"\]/)
    expect(config).not.toContain('tow_')
    expect((await ann.tow(['ship'], { cwd: project })).stderr).not.toContain('remote')
  })

  test('then a push ships the app that changed and leaves the other alone, without a token pasted', async () => {
    await write('hello', 'two')
    await commit()
    const { exit, text } = await git('push', 'tow', 'main')
    expect({ exit, text }).toEqual({ exit: 0, text: expect.stringContaining('Live in stage') })
    expect(text).toContain('other is left alone')
    expect(await live('hello')).toEqual({ release: 2, text: '<p>two</p>' })
    expect(await live('other')).toMatchObject({ release: 1 })
  })

  test('what tow ship made live already is not shipped again by a push', async () => {
    await write('hello', 'three')
    expect(await ann.tow(['ship'], { cwd: project })).toMatchObject({ exit: 0 })
    await commit()
    expect((await git('push', 'tow', 'main')).text).toContain('Nothing to ship')
    expect(await live('hello')).toMatchObject({ release: 3 })
  })

  test('another branch is stored, and tow git ship ships it from anywhere, main staying where it is', async () => {
    await git('checkout', '-qb', 'try')
    await write('hello', 'tried')
    await commit()
    expect((await git('push', 'tow', 'try')).text).toContain('tow git ship try')
    await git('checkout', '-q', 'main')
    const [branch] = await ann.ask<{ branch: string }[]>(['git', 'branches', '-a', 'hello'])
    expect(branch).toMatchObject({ branch: 'try', repository: 'services', subject: 'Change it' })
    expect(await ann.tow(['git', 'ship', 'gone'])).toMatchObject({
      ...{ exit: 1, stderr: expect.stringContaining('git push tow gone') },
    })
    const { exit, stderr } = await ann.tow(['git', 'ship', 'try', '-a', 'hello'], { cwd: ann.folder })
    expect({ exit, stderr }).toMatchObject({ exit: 0 })
    expect(await live('hello')).toEqual({ release: 4, text: '<p>tried</p>' })
    const again = await ann.tow(['git', 'ship', 'main', '-a', 'hello'])
    expect(again).toMatchObject({ exit: 0 })
    expect(await live('hello')).toMatchObject({ text: '<p>three</p>' })
  })

  test('the remote follows the platform to another port', async () => {
    await git('remote', 'set-url', 'tow', 'http://127.0.0.1:1/git/services.git')
    const { stdout } = await ann.tow(['git', 'remote'], { cwd: project })
    expect(stdout).toMatch(/^tow {2}http:\/\/127\.0\.0\.1:\d{2,}\/git\/services\.git$/m)
    await write('other', 'two')
    await commit()
    expect(await git('push', 'tow', 'main')).toMatchObject({ exit: 0 })
    expect(await live('other')).toMatchObject({ release: 2 })
  })

  test('the helper hands the token to nobody else', async () => {
    const { stdout, stderr } = await ann.tow(['git', 'credential', 'get'], {
      input: 'protocol=http\nhost=example.com\n\n',
    })
    expect(stdout).toBe('quit=1\n')
    expect(stderr).toContain('not at example.com')
  })
})
