/** Signing in from elsewhere: the real command against a platform that listens over TLS. */
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { makeCertificates } from '../../test/certificates.ts'
import { openWholePlatform, type WholePlatform } from '../../test/whole-platform.ts'

const MAIN = new URL('./main.ts', import.meta.url).pathname
// Every line of these tests is a process of its own.
vi.setConfig({ testTimeout: 120_000 })

const PASSWORD = 'correct horse battery'

let platform: WholePlatform
let url: string
let files: string
let authority: string
let home: string

beforeAll(async () => {
  platform = await openWholePlatform()
  files = mkdtempSync(join(tmpdir(), 'tow-login-tls-'))
  const certificates = makeCertificates(files)
  authority = certificates.authority
  url = await platform.listenBeyond({
    host: '0.0.0.0',
    port: 0,
    names: [],
    tls: certificates.issue(['127.0.0.1']),
  })
})
afterAll(async () => {
  await platform?.close()
  rmSync(files, { recursive: true, force: true })
})
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tow-login-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

interface Ended {
  exit: number
  stdout: string
  stderr: string
}

function tow(
  args: string[],
  { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
) {
  return new Promise<Ended>((resolve) => {
    const own = {
      PATH: process.env.PATH,
      HOME: home,
      XDG_CONFIG_HOME: join(home, 'config'),
      NODE_EXTRA_CA_CERTS: authority,
    }
    const child = execFile(
      process.execPath,
      [MAIN, ...args],
      { env: { ...own, ...env }, cwd: home },
      (error, stdout, stderr) => {
        resolve({ exit: typeof error?.code === 'number' ? error.code : error ? 1 : 0, stdout, stderr })
      },
    )
    child.stdin?.end(input)
  })
}

const file = () => join(home, 'config', 'towpath', 'platforms.json')
const invite = async () => (await platform.client.signIn.invite({ name: 'ada' })).code
const login = async () => {
  const { exit, stderr } = await tow(['login', url, '--invited', '--stdin'], {
    input: `${await invite()}\n${PASSWORD}\n`,
  })
  expect(stderr).toContain(`Signed in to ${url} as ada`)
  expect(exit).toBe(0)
}

test('who is invited signs in, is somebody there, and signs out there too', async () => {
  await login()
  expect(statSync(file()).mode & 0o777).toBe(0o600)
  const kept = JSON.parse(readFileSync(file(), 'utf8'))
  expect(JSON.stringify(kept)).not.toContain(PASSWORD)
  const { token } = kept.platforms[url]
  expect((await tow(['whoami'])).stdout).toMatch(/^ada/)
  expect((await tow(['env', '--json'])).stdout).toContain('"stage"')
  const out = await tow(['logout'])
  expect(out).toMatchObject({ exit: 0, stderr: expect.stringContaining(`Undo: tow login ${url}`) })
  const after = await tow(['whoami'], { env: { TOW_URL: url, TOW_TOKEN: token } })
  expect(after).toMatchObject({
    exit: 1,
    stderr: expect.stringContaining('not one that this platform gave out'),
  })
  expect(readFileSync(file(), 'utf8')).not.toContain(token)
})

test('with a name and a password; again without, as long as the token is good', async () => {
  await login()
  await tow(['logout'])
  const first = await tow(['login', url, '--name', 'ada', '--stdin'], { input: `${PASSWORD}\n` })
  expect(first).toMatchObject({ exit: 0 })
  await tow(['login', 'local'])
  expect((await tow(['login'])).stdout).toMatch(new RegExp(`^ +${url}`))
  expect(await tow(['login', url])).toMatchObject({ exit: 0 })
  expect((await tow(['login'])).stdout).toMatch(new RegExp(`^\\* +${url}`))
})

test('CI says where and with what, and nothing is kept', async () => {
  await login()
  const { token } = JSON.parse(readFileSync(file(), 'utf8')).platforms[url]
  const env = { TOW_URL: url, TOW_TOKEN: token, XDG_CONFIG_HOME: join(home, 'nothing') }
  expect((await tow(['whoami'], { env })).stdout).toMatch(/^ada/)
  expect(await tow(['whoami'], { env: { TOW_TOKEN: token } })).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('TOW_URL'),
  })
  const none = await tow(['whoami'], { env: { ...env, TOW_TOKEN: '' } })
  expect(none).toMatchObject({ exit: 1, stderr: expect.stringContaining('set TOW_TOKEN') })
})

test('Git is handed the token for that address alone', async () => {
  await login()
  const { host } = new URL(url)
  const ask = (of: string) => tow(['git', 'credential', 'get'], { input: `protocol=https\nhost=${of}\n\n` })
  const { token } = JSON.parse(readFileSync(file(), 'utf8')).platforms[url]
  expect((await ask(host)).stdout).toBe(`username=ada\npassword=${token}\n`)
  expect((await ask('evil.example')).stdout).toBe('quit=1\n')
})

test.each<[string, string[], { input?: string; env?: Record<string, string> }, number, string]>([
  [
    'a wrong password',
    ['--name', 'ada', '--stdin'],
    { input: 'wrong wrong wrong\n' },
    1,
    'don’t fit together',
  ],
  ['nobody to ask', [], {}, 2, '--stdin'],
  [
    'a certificate that nobody vouches for',
    ['--name', 'ada', '--stdin'],
    { input: 'x\n', env: { NODE_EXTRA_CA_CERTS: '' } },
    1,
    '',
  ],
])('%s is one sentence, and nothing is kept', async (_, args, options, exit, words) => {
  const ended = await tow(['login', url, ...args], options)
  expect(ended.exit).toBe(exit)
  expect(ended.stderr).toContain(words)
  expect(ended.stderr).not.toContain('    at ')
  expect(() => statSync(file())).toThrow('ENOENT')
})

test('a password goes over plain HTTP only to this machine, or when that is said', async () => {
  const refused = await tow(['login', 'http://tow.example.com:8700', '--name', 'ada', '--stdin'], {
    input: 'x\n',
  })
  expect(refused).toMatchObject({ exit: 1, stderr: expect.stringContaining('could be read on the way') })
})

test('a file that others can read is not read', async () => {
  await login()
  chmodSync(file(), 0o644)
  expect(await tow(['whoami'])).toMatchObject({ exit: 1, stderr: expect.stringContaining('chmod 600') })
})

test('a browser is signed in by an address that works once', async () => {
  await login()
  const { stdout } = await tow(['open', '--console'])
  expect(stdout).toMatch(new RegExp(`^${url}/sign-in/code\\?code=[a-z0-9-]{23}\n$`))
})
