/** `tow dev` for several apps of a repository at once: a chain through the space, and what may happen to a laptop. */
import { execFile } from 'node:child_process'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type DevSession, enter, startDev, untilServed, type Visit } from './dev-session.ts'
import { runGit } from './git-world.ts'
import { createRandom } from './random.ts'
import { SEED } from './seed.ts'
import { newPerson, type Person } from './tow.ts'

let ann: Person
let folder: string
let dev: DevSession
let visit: Visit

const write = (path: string, text: string) => writeFile(join(folder, path), text)
const text = (app: string, value: string) => write(`${app}/text.js`, `export const text = '${value}'\n`)
const below = async () => {
  const apps = await ann.ask<{ name: string; environments: { urls: string[] }[] }[]>(['apps'])
  const web = apps.find(({ name }) => name === 'web')!
  const url = web.environments[0]!.urls.find((one) => new URL(one).hostname === '127.0.0.1')!
  return (await fetch(url)).text()
}

const APPS = {
  web: `const url = process.env.MISSIONS_URL
    const { baggage } = request.headers
    const answer = await fetch(url, { headers: baggage ? { baggage } : {} })
    response.end(text + ' > ' + (await answer.text()))`,
  missions: `response.end(text)`,
}

beforeAll(async () => {
  ann = await newPerson()
  folder = join(ann.folder, 'fleet')
  for (const [app, answer] of Object.entries(APPS)) {
    await mkdir(join(folder, app), { recursive: true })
    await write(`${app}/package.json`, JSON.stringify({ name: app, type: 'module' }))
    await text(app, `${app} one`)
    await write(
      `${app}/server.js`,
      `import { createServer } from 'node:http'
       import { text } from './text.js'
       console.log('${app} begins')
       createServer(async (request, response) => {
         ${answer}
       }).listen(process.env.PORT)
       process.on('SIGTERM', () => process.exit(0))`,
    )
  }
  await write(
    'tow.yaml',
    `version: 1
apps:
  web: { path: web, needs: [missions], processes: { web: node server.js } }
  missions: { path: missions, processes: { web: node server.js } }
`,
  )
  await runGit(folder, ['init', '-q', '-b', 'main'])
  const { exit, stderr } = await ann.tow(['ship'], { cwd: folder })
  expect({ exit, stderr }).toMatchObject({ exit: 0 })
  dev = await startDev(ann, folder, ['--space', 'mine'])
  const { links } = dev.told.find(({ type }) => type === 'ready')!
  expect(links!.map(({ app }) => app).sort()).toEqual(['missions', 'web'])
  visit = await enter(links!.find(({ app }) => app === 'web')!.url)
}, 180_000)

afterAll(async () => {
  await dev?.interrupt()
  await ann?.leave()
}, 120_000)

describe('tow dev from the root of a repository of two apps', { timeout: 180_000 }, () => {
  test('makes each live by its own saves: a chain goes through both copies, and the environment is as it was', async () => {
    await untilServed(visit, 'web one > missions one')
    const live = dev.next(({ type, app }) => type === 'live' && app === 'missions')
    await text('missions', 'missions two')
    expect(await live).toMatchObject({ files: 1 })
    await untilServed(visit, 'web one > missions two')
    await text('web', 'web two')
    await untilServed(visit, 'web two > missions two')
    expect(await below()).toBe('web one > missions one')
  })

  test('starts only the app anew whose files changed', async () => {
    const from = dev.told.length
    const live = dev.next(({ type, app }) => type === 'live' && app === 'missions')
    await text('missions', 'missions three')
    await live
    await untilServed(visit, 'web two > missions three')
    const begun = () => dev.told.slice(from).filter(({ text: line }) => /begins/.test(line ?? ''))
    await expect.poll(() => begun().length, { timeout: 20_000 }).toBe(1)
    expect(begun()).toMatchObject([{ text: 'missions begins' }])
  })

  test('shows logs of the copy, and runs commands in it', async () => {
    const logs = await ann.tow(['logs', '-a', 'missions', '--space', 'mine'], { cwd: folder })
    expect(logs).toMatchObject({ exit: 0, stdout: expect.stringContaining('missions begins') })
    const run = await ann.tow(
      ['run', '-a', 'missions', '--space', 'mine', 'cat text.js; echo $TOW_SPACE; exit 3'],
      {
        cwd: folder,
      },
    )
    expect(run).toMatchObject({ exit: 3, stdout: "export const text = 'missions three'\nmine\n" })
  })

  test('ends equal after a laptop that slept', async () => {
    dev.child.kill('SIGSTOP')
    await text('missions', 'missions while asleep')
    await mkdir(join(folder, 'web/pages'))
    await Promise.all(Array.from({ length: 30 }, (_, at) => write(`web/pages/${at}.txt`, `page ${at}`)))
    await rm(join(folder, 'web/pages/7.txt'))
    await text('web', 'web while asleep')
    await delay(1500)
    dev.child.kill('SIGCONT')
    await untilServed(visit, 'web while asleep > missions while asleep')
    await expect.poll(there('web'), { timeout: 30_000 }).toEqual(expect.objectContaining({ pages: 29 }))
  })

  test(`ends equal after a storm of renames (seed ${SEED})`, async () => {
    const { pick } = createRandom(SEED)
    const names = Array.from({ length: 12 }, (_, at) => (at % 3 === 0 ? `storm/deep/${at}` : `storm/${at}`))
    await mkdir(join(folder, 'web/storm/deep'), { recursive: true })
    for (const name of names.slice(0, 6)) await write(`web/${name}`, name)
    for (let step = 0; step < 300; step++) {
      const [from, to] = [pick(names), pick(names)]
      await rename(join(folder, 'web', from), join(folder, 'web', to)).catch(() => {})
      if (step % 40 === 0) await write(`web/${pick(names)}`, `step ${step}`)
      if (step % 75 === 0) {
        await rename(join(folder, 'web/storm'), join(folder, 'web/blown'))
        await delay(20)
        await rename(join(folder, 'web/blown'), join(folder, 'web/storm'))
      }
    }
    await text('web', 'web after the storm')
    await untilServed(visit, 'web after the storm > missions while asleep')
    const here = await listing(join(folder, 'web'))
    await expect.poll(async () => (await there('web')()).storm, { timeout: 30_000 }).toEqual(here)
  })
})

/** What lies in the workspace of the copy, as a command there finds it. */
const there = (app: string) => async () => {
  const { stdout } = await ann.tow(['run', '-a', app, '--space', 'mine', LIST], { cwd: folder })
  const [pages, storm] = stdout.split('--\n') as [string, string]
  return { pages: Number(pages), storm: storm.trim().split('\n') }
}
const LIST =
  'ls pages | wc -l; echo --; find storm blown -type f 2>/dev/null | sort | while read f; do echo "$f: $(cat "$f")"; done'

async function listing(of: string): Promise<string[]> {
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', LIST], { cwd: of })
  return stdout.split('--\n')[1]!.trim().split('\n')
}
