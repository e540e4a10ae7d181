import { execFileSync } from 'node:child_process'
import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { createAuthorizer, parseChallenge } from './authorize.ts'
import { createKnowledge, provideBlob } from './blobs.ts'
import { digestOf } from './digest.ts'
import { type Credentials, createImages } from './index.ts'
import { connectRegistry } from './registry.ts'
import { needsProgram, startRegistry } from './testing.ts'

const PASSWORD = 'correct horse'
/** bcrypt of the password, for `ann`. */
const HTPASSWD = '$2b$04$x8prJHYE7LmSXSUoblhXlepTkOyoMNcxg9/otdWirCYjhJcMXdZKu'

const ann = (password = PASSWORD) => ({ kind: 'password', username: 'ann', password }) as const
const images = (credentials: Credentials | null) => createImages({ credentials: async () => credentials })

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tow-authorize-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test.each([
  ['Basic realm="x"', { scheme: 'basic' }],
  ['basic', { scheme: 'basic' }],
  [
    'Bearer realm="https://auth.example.com/token",service="registry",scope="repository:a/b:pull,push"',
    { scheme: 'bearer', realm: 'https://auth.example.com/token', service: 'registry' },
  ],
  ['Basic realm="a", Bearer realm="https://b/"', { scheme: 'bearer', realm: 'https://b/' }],
  ['Bearer realm="https://b/", Basic realm="a"', { scheme: 'bearer', realm: 'https://b/' }],
  ['Negotiate, Basic realm="a"', { scheme: 'basic' }],
  ['Negotiate', null],
  [null, null],
])('%s is understood', (header, challenge) => {
  expect(parseChallenge(header)).toEqual(challenge)
})

describe('a registry with passwords', () => {
  let host: string
  beforeEach(async ({ skip }) => {
    needsProgram(skip, 'docker-registry')
    const file = join(temporaryFolder(), 'htpasswd')
    writeFileSync(file, `ann:${HTPASSWD}\n`)
    host = (await startRegistry({ htpasswd: { realm: 'test', path: file } })).host
  })

  test('takes the right one', async () => {
    expect(await images(ann()).check(host)).toEqual([])
  })

  test('refuses a wrong one and none, each in its own words and without showing it', async () => {
    const [wrong] = await images(ann('wrong battery')).check(host)
    expect(wrong).toEqual({
      code: 'registry-refuses',
      message: `The registry ${host} does not accept the login that is kept for it (asked for tow-check)`,
      hint: expect.stringContaining(`docker login ${host}`),
    })
    const [none] = await images(null).check(host)
    expect(none!.message).toBe(
      `The registry ${host} asks for a login, and none is kept for it (asked for tow-check)`,
    )
  })

  test('is asked again where a password has changed meanwhile', async () => {
    let current = 'old'
    const source = async () => ann(current)
    const registry = connectRegistry(host, { credentials: source })
    const call = { method: 'GET', to: 'a/tags/list', repository: 'a', action: 'pull' } as const
    await expect(registry.call(call)).rejects.toThrow(/does not accept the login/)
    current = PASSWORD
    expect((await registry.call(call)).status).toBe(404)
  })
})

describe('a registry with a token service', () => {
  let tokens: TokenService
  let host: string
  beforeEach(async ({ skip }) => {
    needsProgram(skip, 'docker-registry')
    needsProgram(skip, 'openssl')
    tokens = await startTokenService()
    const { realm, bundle } = tokens
    const auth = { token: { realm, service: 'test', issuer: 'tow', rootcertbundle: bundle } }
    host = (await startRegistry(auth)).host
  })

  test('gives a token for what is asked, and the token is used again', async () => {
    expect(await images(ann()).check(`${host}/team`)).toEqual([])
    expect(tokens.asked.slice(0, 2)).toEqual([
      'GET ann repository:team/tow-check:pull',
      'GET ann repository:team/tow-check:pull,push',
    ])
    tokens.asked.length = 0
    const registry = connectRegistry(host, { credentials: async () => ann() })
    const call = { method: 'GET', to: 'a/tags/list', repository: 'a', action: 'pull' } as const
    for (let times = 0; times < 3; times++) expect((await registry.call(call)).status).toBe(404)
    expect(tokens.asked).toEqual(['GET ann repository:a:pull'])
  })

  test('refuses a wrong password, and the answer does not show it', async () => {
    const [problem] = await images(ann('wrong battery')).check(host)
    expect(problem).toMatchObject({
      code: 'registry-refuses',
      message: `The token service ${new URL(tokens.realm).host} refused the login with 401`,
    })
    expect(JSON.stringify(problem)).not.toContain('battery')
  })

  test('says so where the login may read and not write', async () => {
    tokens.allows = (_, action) => action === 'pull'
    const [problem] = await images(ann()).check(`${host}/team`)
    expect(problem!.message).toBe(`The registry ${host} does not let this login push team/tow-check`)
  })

  test('a token that has ended is replaced by a new one', async () => {
    tokens.seconds = -60
    const registry = connectRegistry(host, { credentials: async () => ann() })
    const call = { method: 'GET', to: 'a/tags/list', repository: 'a', action: 'pull' } as const
    await expect(registry.call(call)).rejects.toThrow(/does not accept/)
    tokens.seconds = 60
    expect((await registry.call(call)).status).toBe(404)
  })

  test('an identity token is exchanged, not shown to the registry', async () => {
    expect(await images({ kind: 'identity', token: 'identity of ann' }).check(host)).toEqual([])
    expect(tokens.asked[0]).toBe('POST identity of ann repository:tow-check:pull')
  })

  test('what may not be read elsewhere is sent instead of mounted', async () => {
    const registry = connectRegistry(host, { credentials: async () => ann() })
    const bytes = Buffer.from('shared')
    const source = {
      digest: digestOf(bytes),
      size: bytes.length,
      content: async function* () {
        yield bytes
      },
    }
    const knowledge = createKnowledge()
    const provide = (repository: string) =>
      provideBlob({ registry, repository, knowledge, sent: () => {} }, source)
    expect(await provide('apps/one')).toBe('sent')
    expect(await provide('apps/two')).toBe('mounted')
    tokens.allows = (repository) => repository === 'apps/three'
    expect(await provide('apps/three')).toBe('sent')
  })

  test('who gives up does not take the token from those who wait for it too', async () => {
    const registry = connectRegistry(host, { credentials: async () => ann() })
    const call = { method: 'GET', to: 'a/tags/list', repository: 'a', action: 'pull' } as const
    const giveUp = new AbortController()
    const first = registry.call({ ...call, signal: giveUp.signal })
    const second = registry.call(call)
    giveUp.abort(new Error('given up'))
    await expect(first).rejects.toThrow('given up')
    expect((await second).status).toBe(404)
  })

  test('many requests at once ask for one token', async () => {
    const registry = connectRegistry(host, { credentials: async () => ann() })
    const call = { method: 'GET', to: 'a/tags/list', repository: 'a', action: 'pull' } as const
    await Promise.all(Array.from({ length: 8 }, async () => (await registry.call(call)).body?.cancel()))
    expect(tokens.asked).toEqual(['GET ann repository:a:pull'])
  })
})

test('a login is not sent to a token service without TLS by a registry that has it', async () => {
  const authorizer = createAuthorizer('registry.example.com', async () => ann(), false)
  authorizer.learn({ scheme: 'bearer', realm: `http://127.0.0.1:9/token` }, [])
  await expect(authorizer.header(['repository:a:pull'])).rejects.toThrow(/from HTTPS to plain HTTP/)
})

interface TokenService {
  realm: string
  /** File of certificates whose tokens the registry takes. */
  bundle: string
  /** Every question: method, who, scope. */
  asked: string[]
  allows: (repository: string, action: string) => boolean
  /** How long tokens hold; the service says an hour all the same. */
  seconds: number
}

/** Tokens as the registry's documentation has them, signed, for `ann` and her password. */
async function startTokenService(): Promise<TokenService> {
  const folder = temporaryFolder()
  const [keyFile, bundle] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const subject = ['-subj', '/CN=tow', '-days', '2', '-nodes', '-keyout', keyFile, '-out', bundle]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject], { stdio: 'ignore' })
  const key = createPrivateKey(readFileSync(keyFile))
  const x5c = [new X509Certificate(readFileSync(bundle)).raw.toString('base64')]

  const tokenFor = (scopes: string[], allows: TokenService['allows'], seconds: number) => {
    const now = Math.floor(Date.now() / 1000)
    const access = scopes.map((scope) => {
      const [type, name, actions] = scope.split(':') as [string, string, string]
      return { type, name, actions: actions.split(',').filter((action) => allows(name, action)) }
    })
    const claims = { iss: 'tow', aud: 'test', sub: 'ann', jti: randomUUID(), access }
    const times = { nbf: now - 3600, iat: now - 3600, exp: now + seconds }
    const parts = [
      { typ: 'JWT', alg: 'RS256', x5c },
      { ...claims, ...times },
    ]
    const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`
  }

  const service: TokenService = { realm: '', bundle, asked: [], allows: () => true, seconds: 3600 }
  const server = createServer(async (request, answer) => {
    const url = new URL(request.url!, 'http://token')
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    const form = new URLSearchParams(Buffer.concat(parts).toString())
    const basic = Buffer.from(request.headers.authorization?.split(' ')[1] ?? '', 'base64').toString()
    const who = form.get('refresh_token') ?? basic.split(':')[0]
    const scopes =
      request.method === 'POST' ? form.get('scope')!.split(' ') : url.searchParams.getAll('scope')
    service.asked.push([request.method, who, ...scopes].join(' '))
    const isKnown = basic === `ann:${PASSWORD}` || form.get('refresh_token') === 'identity of ann'
    if (!isKnown) return answer.writeHead(401).end('{}')
    const token = tokenFor(scopes, service.allows, service.seconds)
    return answer.end(
      JSON.stringify({ [request.method === 'POST' ? 'access_token' : 'token']: token, expires_in: 3600 }),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  service.realm = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`
  return service
}
