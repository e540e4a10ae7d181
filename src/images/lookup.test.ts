/** Images that were made elsewhere: with whose login they are looked up, and who they run as. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { numbersIn } from './accounts.ts'
import { createImages, createLookup, dockerCredentials } from './index.ts'
import { needsProgram, putBase, startRegistry, type TestBase } from './testing.ts'

const AMD = { os: 'linux', arch: 'x64' } as const
const ANN = { kind: 'password', username: 'ann', password: 'correct horse' } as const
/** bcrypt of that password. */
const HTPASSWD = '$2b$04$x8prJHYE7LmSXSUoblhXlepTkOyoMNcxg9/otdWirCYjhJcMXdZKu'

beforeEach(({ skip }) => needsProgram(skip, 'docker-registry'))

describe('a registry that wants a login', () => {
  let host: string
  let folder: string
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'tow-lookup-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const passwords = join(folder, 'htpasswd')
    writeFileSync(passwords, `ann:${HTPASSWD}\n`)
    host = (await startRegistry({ htpasswd: { realm: 'test', path: passwords } })).host
    await putBase(host, 'team/shop:v1', { login: ANN })
    await putBase(host, 'teams/other:v1', { login: ANN })
  })

  /** The login as `docker login` keeps it. */
  function lookup(...lentTo: string[]) {
    const auth = Buffer.from('ann:correct horse').toString('base64')
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ auths: { [host]: { auth } } }))
    const images = createImages({ credentials: dockerCredentials({ folder, toolPath: '' }) })
    return createLookup({ images, anonymous: createImages({ credentials: async () => null }), lentTo })
  }

  test.each([[''], ['/team'], ['/team/shop']])(
    'is asked with it where it is lent for it: <host>%s',
    async (place) => {
      const found = await lookup(`${host}${place}`)(`${host}/team/shop:v1`, AMD)
      expect(found.reference).toMatch(/team\/shop@sha256:/)
    },
  )

  test('is asked without it where it is not, and the sentence says for what it is', async () => {
    for (const place of [`${host}/team`, 'ghcr.io', 'ghcr.io/teams']) {
      await expect(lookup(place)(`${host}/teams/other:v1`, AMD)).rejects.toMatchObject({
        code: 'REFUSED',
        message: `${host}/teams/other:v1 can’t be read without a login, and those of the platform are lent for ${place} alone`,
        hint: expect.stringContaining('tow env lend'),
      })
    }
  })
})

test('what anybody may read needs no login lent', async () => {
  const { host } = await startRegistry()
  await putBase(host, 'public/app:v1')
  const fail = async () => {
    throw new Error('the login was used')
  }
  const images = createImages({ credentials: async () => null })
  const look = createLookup({ images: { resolve: fail }, anonymous: images, lentTo: ['ghcr.io'] })
  expect((await look(`${host}/public/app:v1`, AMD)).reference).toMatch(/public\/app@sha256:/)
  await expect(look(`${host}/public/app:v2`, AMD)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

describe('a user that an image tells by name', () => {
  const PASSWD = 'root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\n'
  const GROUP = 'root:x:0:\nnode:x:1001:\nstaff:x:50:node\n'

  test.each([
    ['node', undefined, '1000:1001'],
    ['node', 'staff', '1000:50'],
    ['node', '7', '1000:7'],
    ['1234', 'staff', '1234:50'],
    ['root', undefined, '0:0'],
    ['ghost', undefined, null],
    ['node', 'ghosts', null],
  ])('%s, group %s', (user, group, numbers) => expect(numbersIn(PASSWD, GROUP, user, group)).toBe(numbers))

  const userOf = async (base: TestBase) => {
    const { host } = await startRegistry()
    await putBase(host, 'elsewhere/app:v1', base)
    return (await createImages({ credentials: async () => null }).resolve(`${host}/elsewhere/app:v1`, AMD))
      .user
  }
  const files = { 'etc/passwd': PASSWD, 'etc/group': GROUP }

  test('is known by its number, from the topmost layer that tells', async () => {
    expect(await userOf({ user: 'node', files })).toBe('1000:1001')
    const above = [{ 'etc/passwd': 'node:x:2000:2001::/:/bin/sh\n' }, { 'app.js': '' }]
    expect(await userOf({ user: 'node', files, above })).toBe('2000:2001')
  })

  test('stays a name where the image does not tell, or has taken it away', async () => {
    expect(await userOf({ user: 'ghost', files })).toBe('ghost')
    expect(await userOf({ user: 'node', files, above: [{ 'etc/.wh.passwd': '' }] })).toBe('node')
    expect(await userOf({ user: 'node', files: { 'etc/motd': '' } })).toBe('node')
  })

  test('is not looked for where it is a number, or nobody', async () => {
    expect(await userOf({ user: '1234', files })).toBe('1234')
    expect(await userOf({ files })).toBe('')
  })
})
