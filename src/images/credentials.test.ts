import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { dockerCredentials } from './index.ts'

const base64 = (text: string) => Buffer.from(text).toString('base64')
const password = (username: string, password: string) => ({ kind: 'password', username, password })

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-credentials-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
})

const source = () =>
  dockerCredentials({ folder, toolPath: `${folder}:/usr/bin:/bin`, environment: { HOME: folder } })
const configure = (config: unknown) =>
  writeFileSync(join(folder, 'config.json'), typeof config === 'string' ? config : JSON.stringify(config))

/** A helper as Docker's documentation has it: `get`, the registry on its input, JSON on its output. */
function installHelper(name: string, script: string): void {
  const file = join(folder, `docker-credential-${name}`)
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}

test('there is no login where there is no file, or none for the registry', async () => {
  expect(await source()('ghcr.io')).toBeNull()
  configure({ auths: { 'ghcr.io.example.com': { auth: base64('a:b') }, 'ghcr.io': {} } })
  expect(await source()('ghcr.io')).toBeNull()
})

test.each([
  ['ghcr.io', 'ghcr.io'],
  ['https://ghcr.io', 'ghcr.io'],
  ['https://ghcr.io/v1/', 'ghcr.io'],
  ['https://index.docker.io/v1/', 'docker.io'],
  ['localhost:5000', 'localhost:5000'],
])('a login is found under the key %s', async (key, registry) => {
  configure({ auths: { [key]: { auth: base64('ann:pass:word') } } })
  expect(await source()(registry)).toEqual(password('ann', 'pass:word'))
})

test('tokens are known too', async () => {
  configure({
    auths: { 'a.io': { auth: base64('00000000:'), identitytoken: 'id' }, 'b.io': { registrytoken: 't' } },
  })
  expect(await source()('a.io')).toEqual({ kind: 'identity', token: 'id' })
  expect(await source()('b.io')).toEqual({ kind: 'bearer', token: 't' })
})

test('a helper is asked for its registries, and finds the environment it needs', async () => {
  installHelper(
    'cloud',
    `test "$1" = get || exit 3
     read registry
     printf '{"ServerURL":"%s","Username":"ann","Secret":"%s of %s"}' "$registry" "$registry" "$HOME"`,
  )
  configure({ credHelpers: { 'a.io': 'cloud' }, auths: { 'b.io': { auth: base64('ben:b') } } })
  expect(await source()('a.io')).toEqual(password('ann', `a.io of ${folder}`))
  expect(await source()('b.io')).toEqual(password('ben', 'b'))
})

test('a store for all is asked, and where it has none the file counts', async () => {
  installHelper('store', `echo "credentials not found in native keychain"; exit 1`)
  configure({ credsStore: 'store', auths: { 'b.io': { auth: base64('ben:b') }, 'c.io': {} } })
  expect(await source()('b.io')).toEqual(password('ben', 'b'))
  expect(await source()('c.io')).toBeNull()
})

test('a helper that keeps an identity token says so by its user name', async () => {
  installHelper('store', `echo '{"ServerURL":"a.io","Username":"<token>","Secret":"id"}'`)
  configure({ credsStore: 'store' })
  expect(await source()('a.io')).toEqual({ kind: 'identity', token: 'id' })
})

test('a helper that is missing or fails is named, with what it said', async () => {
  configure({ credHelpers: { 'a.io': 'missing', 'b.io': 'broken', 'c.io': 'garbled' } })
  installHelper('broken', `echo "the session has ended"; echo noise >&2; exit 1`)
  installHelper('garbled', `echo '{"Username":"ann","Secret":"hush"'`)
  await expect(source()('a.io')).rejects.toMatchObject({
    code: 'REFUSED',
    message: `${folder}/config.json keeps the login for a.io in docker-credential-missing, which is not installed`,
  })
  await expect(source()('b.io')).rejects.toMatchObject({
    message: 'docker-credential-broken gave no login for b.io: the session has ended',
    hint: expect.stringContaining('docker login b.io'),
  })
  await expect(source()('c.io')).rejects.toThrow(/its answer cannot be read$/)
})

test('a file that cannot be read is named, and nothing of it is shown', async () => {
  for (const text of [
    '{"auths": {"a.io": {"auth": "aHVzaA=="',
    '{"auths": {"a.io": {"auth": ["aHVzaA=="]}}}',
  ]) {
    configure(text)
    const error = await source()('a.io').catch((error) => error)
    expect(error).toMatchObject({
      code: 'REFUSED',
      message: expect.stringContaining(`${folder}/config.json`),
    })
    expect(`${error.stack}${JSON.stringify(error)}${error.cause}`).not.toContain('aHVzaA')
  }
})
