/** People, teams and tokens as an administrator types them, and what their tokens then open. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PlatformFile } from '../src/api/platform-file.ts'
import { type Client, createClient } from '../src/client/client.ts'
import { newPerson, type Person } from './tow.ts'

let person: Person
let clientWith: (token: string) => Client

beforeAll(async () => {
  person = await newPerson()
  await run('up')
  const { url } = PlatformFile.parse(JSON.parse(await readFile(join(person.home, 'platform.json'), 'utf8')))
  clientWith = (token) => createClient({ url, token })
}, 120_000)
afterAll(() => person?.leave())

/** A command that goes through; both of its outputs. */
async function run(line: string) {
  const ended = await person.tow(line.split(' '))
  expect(ended, ended.stderr).toMatchObject({ exit: 0 })
  return ended
}

describe('an administrator', () => {
  test('is who started the platform, and is told how the platform knows', async () => {
    const { stdout } = await run('whoami')
    expect(stdout).toMatch(
      /^\S+ \(administrator\)\nknown by the token file of whoever started the platform\n$/,
    )
  })

  test('makes a team and a person, and every change prints its undo', async () => {
    expect((await run('team add field-team')).stderr).toContain('Undo: tow team remove field-team')
    const added = await run('people add bea --role developer -e stage -e prod --team field-team')
    expect(added.stderr).toBe(
      'bea is known: developer in prod, developer in stage.\ntow people invite bea lets them sign in.\nUndo: tow people remove bea\n',
    )
    const withdrawn = await run('people withdraw bea --role developer -e prod')
    expect(withdrawn.stderr).toBe(
      'bea: developer in stage.\nUndo: tow people grant bea --role developer -e prod\n',
    )
    expect((await run('team leave field-team bea')).stderr).toContain('Undo: tow team join field-team bea')
    expect((await run('people')).stdout).toMatch(/^bea +person +developer in stage +-$/m)
  })

  test('is told the nearest name, and which roles there are', async () => {
    const near = await person.tow(['people', 'remove', 'baa'])
    expect(near).toMatchObject({
      exit: 1,
      stderr: '✗ there is nobody called "baa" here\n  did you mean bea?\n',
    })
    const role = await person.tow(['people', 'grant', 'bea', '--role', 'oparator'])
    expect(role.exit).toBe(2)
    expect(role.stderr).toContain('did you mean operator?')
  })

  test('can’t remove whoever started the platform', async () => {
    const [{ name } = { name: '' }] = (
      await person.ask<{ name: string; roles: { role: string }[] }[]>(['people'])
    ).filter(({ roles }) => roles.some(({ role }) => role === 'administrator'))
    expect((await person.tow(['people', 'remove', name])).stderr).toContain('its token file is theirs')
  })
})

describe('a token', () => {
  test('is printed once and alone, narrows, and ends when it is removed', async () => {
    const { stdout, stderr } = await run('tokens add dashboard --role viewer --expires 30d')
    expect(stdout).toMatch(/^tow_[\w-]{43}\n$/)
    expect(stderr).toContain('Undo: tow tokens remove dashboard')
    const client = clientWith(stdout.trim())
    expect(await client.access.whoami()).toMatchObject({
      roles: [{ role: 'viewer', environment: null }],
      credential: { kind: 'token', name: 'dashboard' },
    })
    await expect(client.environments.add({ name: 'qa' })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(client.tokens.add({ name: 'another' })).rejects.toMatchObject({ code: 'FORBIDDEN' })
    const listed = await run('tokens')
    expect(listed.stdout).toMatch(/^dashboard +viewer +\d{4}-\d\d-\d\d +\d+ s ago$/m)
    expect(listed.stdout).not.toContain(stdout.trim())
    await run('tokens remove dashboard')
    await expect(client.access.whoami()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('of a machine is made with it, a second one beside it, and both end with it', async () => {
    const first = clientWith((await run('tokens add ci --machine --role operator -e stage')).stdout.trim())
    const second = clientWith((await run('tokens add ci-2 --for ci --expires 12h')).stdout.trim())
    for (const client of [first, second]) {
      expect(await client.access.whoami()).toMatchObject({
        ...{ name: 'ci', kind: 'machine', roles: [{ role: 'operator', environment: 'stage' }] },
      })
    }
    const removed = await run('people remove ci')
    expect(removed.stderr).toContain('Undo: tow tokens add ci --machine --role operator -e stage')
    for (const client of [first, second])
      await expect(client.access.whoami()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('of a person is made by nobody else', async () => {
    const { exit, stderr } = await person.tow(['tokens', 'add', 'hers', '--for', 'bea'])
    expect({ exit, stderr }).toMatchObject({ exit: 1 })
    expect(stderr).toContain('bea is a person: nobody else makes a token of theirs')
  })
})
