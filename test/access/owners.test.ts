/** Whose an app is, through the doors that people use: who gets it, who keeps it, and who may give it away. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Grant } from '../../src/api/roles.ts'
import { type Client, createClient } from '../../src/client/client.ts'
import { runGit } from '../git-world.ts'
import { openWholePlatform, type WholePlatform } from '../whole-platform.ts'

let platform: WholePlatform
let admin: Client
let red: { client: Client; token: string }
let blue: { client: Client; token: string }
let both: { client: Client; token: string }
let operator: { client: Client; token: string }

beforeAll(async () => {
  platform = await openWholePlatform()
  admin = platform.client
  for (const name of ['red', 'blue']) await admin.teams.add({ name })
  const developer: Grant = { role: 'developer', environment: null }
  red = await someone('rea', [developer], ['red'])
  blue = await someone('ben', [developer], ['blue'])
  both = await someone('bo', [developer], ['red', 'blue'])
  operator = await someone('ola', [{ role: 'operator', environment: 'stage' }], [])
}, 60_000)
afterAll(() => platform?.close())

async function someone(name: string, roles: Grant[], teams: string[]) {
  await admin.people.add({ name, kind: 'machine', roles, teams })
  const { token } = await admin.tokens.addFor({ person: name, name: 'test' })
  return { token, client: createClient({ url: platform.url, token }) }
}

const source = (app: string, owner: string | null, text = '1') => ({
  'tow.yaml': `version: 1\napps:\n  ${app}: { path: ${app}, ${owner ? `owner: ${owner}, ` : ''}processes: { web: { command: serve } } }\n`,
  [`${app}/main`]: text,
})

/** Ships as this client; resolves once it is live. */
async function ship(client: Client, files: Record<string, string>, environment = 'stage') {
  const { id } = await client.ships.start({
    tree: await platform.tree(files),
    folderName: 'shop',
    environment,
  })
  for await (const update of await client.ships.follow({ id })) {
    if (update.type !== 'ship' || update.ship.state === 'running') continue
    expect(update.ship.state).toBe('live')
    return
  }
}

const ownerOf = async (app: string) => (await admin.apps.get({ app })).owner
const eventsOf = async (app: string, kind: string) => admin.events.list({ app, kind })

describe('the owner of an app', () => {
  test('is the team that tow.yaml names when someone of that team ships it first', async () => {
    await ship(red.client, source('first', 'red'))
    expect(await ownerOf('first')).toBe('red')
    await expect(blue.client.processes.restart({ app: 'first', environment: 'stage' })).rejects.toMatchObject(
      {
        code: 'FORBIDDEN',
        message: 'ben may not change first in stage: it belongs to red',
        hint: 'ask red; an administrator adds you to it: tow team join red ben',
      },
    )
  })

  test('can’t be a team that whoever ships it first is not in; then nothing is built and no app is made', async () => {
    await expect(ship(blue.client, source('other', 'red'))).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(admin.apps.get({ app: 'other' })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(await admin.builds.list({ app: 'other' })).toEqual([])
  })

  test('can’t be a team that is not there, unless an administrator names it, who makes it so', async () => {
    await expect(ship(red.client, source('typo', 'rde'))).rejects.toMatchObject({
      code: 'REFUSED',
      message: 'the owner of typo can’t be "rde": there is no such team',
      hint: 'did you mean red?',
    })
    await ship(admin, source('typo', 'green'))
    expect((await admin.teams.list()).find(({ name }) => name === 'green')).toMatchObject({ apps: ['typo'] })
  })

  test('that nobody named is nobody, and any developer of the environment may change the app', async () => {
    await ship(blue.client, source('free', null))
    await ship(red.client, source('free', null, '2'))
    expect(await ownerOf('free')).toBe(null)
  })

  test('moves by tow.yaml at the hands of someone in both teams, and of nobody else', async () => {
    await ship(red.client, source('moving', 'red'))
    const moved = source('moving', 'blue')
    await expect(ship(red.client, moved)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(ship(blue.client, moved)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(ship(operator.client, moved)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: 'moving belongs to red: only red or an administrator gives it to blue',
    })
    expect(await ownerOf('moving')).toBe('red')
    await ship(both.client, moved)
    expect(await ownerOf('moving')).toBe('blue')
    expect(await eventsOf('moving', 'app.owner-changed')).toMatchObject([
      {
        by: 'bo',
        message: 'moving belongs to blue, no more to red',
        facts: { before: 'red', owner: 'blue' },
      },
    ])
  })

  test('moves by command at the same hands, or an administrator’s', async () => {
    await ship(red.client, source('given', 'red'))
    const own = (client: Client, owner: string | null) => client.apps.own({ app: 'given', owner })
    await expect(own(red.client, 'blue')).rejects.toMatchObject({
      message: 'rea is not in blue, so given can’t be given to it',
    })
    await expect(own(operator.client, null)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(own(blue.client, 'blue')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(await own(admin, 'blue')).toEqual({ app: 'given', owner: 'blue', before: 'red' })
    await expect(own(red.client, 'red')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    // The source still says red: it does not win by itself.
    await expect(ship(blue.client, source('given', 'red', '2'))).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(await ownerOf('given')).toBe('blue')
  })

  test('outlives the app, so that no other team comes by what it kept', async () => {
    await ship(red.client, source('gone', 'red'))
    await red.client.apps.remove({ app: 'gone', confirm: 'gone' })
    for (const files of [source('gone', 'blue'), source('gone', null)]) {
      await expect(ship(blue.client, files)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    }
    const config = { app: 'gone', environment: 'stage', set: { A: { value: '1' } } }
    await expect(blue.client.config.set(config)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await ship(red.client, source('gone', null))
    expect(await ownerOf('gone')).toBe('red')
  })

  test('is one team, also when two teams ship the same new name at once', async () => {
    for (const round of [1, 2, 3, 4, 5]) {
      const app = `race-${round}`
      const trees = await Promise.all(['red', 'blue'].map((team) => platform.tree(source(app, team))))
      const start = ({ client }: typeof red, tree: string) =>
        client.ships.start({ tree, folderName: 'shop' }).then(
          () => null,
          (error) => error,
        )
      const [ofRed, ofBlue] = await Promise.all([start(red, trees[0]!), start(blue, trees[1]!)])
      const owner = await ownerOf(app)
      expect(owner === 'red' ? ofRed : ofBlue).toBe(null)
      expect(owner === 'red' ? ofBlue : ofRed).toMatchObject({ code: 'FORBIDDEN' })
    }
  })

  test('keeps its team from being removed', async () => {
    await expect(admin.teams.remove({ team: 'red' })).rejects.toMatchObject({ code: 'REFUSED' })
  })
})

describe('a role in an environment', () => {
  test('does not come back with a new environment of that name, and a narrowed token stays narrow', async () => {
    await admin.environments.add({ name: 'qa' })
    const { token } = await someone('quentin', [{ role: 'operator', environment: null }], [])
    const narrow = await admin.tokens.addFor({
      ...{ person: 'quentin', name: 'qa' },
      roles: [{ role: 'operator', environment: 'qa' }],
    })
    const held = await someone('quincy', [{ role: 'operator', environment: 'qa' }], [])
    await admin.environments.remove({ name: 'qa' })
    await admin.environments.add({ name: 'qa' })
    const rolesWith = async (secret: string) =>
      (await createClient({ url: platform.url, token: secret }).access.whoami()).roles
    expect(await rolesWith(held.token)).toEqual([])
    expect(await rolesWith(narrow.token)).toEqual([])
    expect(await rolesWith(token)).toHaveLength(1)
  })

  test('is refused where there is no such environment, or the role is held everywhere', async () => {
    const give = (grant: Grant) => admin.people.change({ person: 'rea', give: [grant] })
    await expect(give({ role: 'operator', environment: 'nowhere' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    await expect(give({ role: 'viewer', environment: 'stage' })).rejects.toMatchObject({
      message: 'the role viewer is held everywhere, so it can’t be given in one environment',
    })
  })
})

describe('git push', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tow-owners-'))
    await runGit(folder, ['init', '-q', '-b', 'main'])
    await admin.git.connect({ folderName: 'depot' })
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  async function push(token: string, files: Record<string, string>) {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), text)
    }
    await runGit(folder, ['add', '-A'])
    await runGit(folder, ['commit', '-qm', 'Change it'])
    const url = `${platform.url.replace('://', `://x:${token}@`)}/git/depot.git`
    return runGit(folder, ['push', url, 'main'])
  }
  const tow = `version: 1
apps:
  pushed-red: { path: r, owner: red, processes: { web: { command: serve } } }
  pushed-blue: { path: b, owner: blue, processes: { web: { command: serve } } }
`

  test('ships for someone who may change every app that it changes', async () => {
    const { exit, text } = await push(both.token, { 'tow.yaml': tow, 'r/main': '1', 'b/main': '1' })
    expect(exit, text).toBe(0)
    expect(await ownerOf('pushed-blue')).toBe('blue')
  })

  test('releases nothing for someone who may not change one of them, and says which', async () => {
    const { exit, text } = await push(red.token, { 'r/main': '2', 'b/main': '2' })
    expect(exit).not.toBe(0)
    expect(text).toContain('rea may not change pushed-blue in stage: it belongs to blue')
    expect(await admin.releases.list({ app: 'pushed-red', environment: 'stage' })).toHaveLength(1)
  })

  test('leaves apps alone that it does not change', async () => {
    const { exit, text } = await push(red.token, { 'b/main': '1', 'r/main': '3' })
    expect(exit, text).toBe(0)
    expect(await admin.releases.list({ app: 'pushed-red', environment: 'stage' })).toHaveLength(2)
    expect(await admin.releases.list({ app: 'pushed-blue', environment: 'stage' })).toHaveLength(1)
  })
})
