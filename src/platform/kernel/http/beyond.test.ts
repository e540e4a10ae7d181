/** Beyond loopback, with the clients that people have: Node, curl, openssl. */
import { execFile } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { connect as netConnect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Certificates, makeCertificates } from '../../../../test/certificates.ts'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { knock } from '../../../../test/malformed.ts'
import { serveForTest, TEST_PERSON, TESTER, type TestServer, TOKEN } from '../../../../test/serve.ts'
import type { CredentialKind } from '../../../api/roles.ts'
import { kernelMigrations } from '../migrations.ts'
import { operations } from '../operations.ts'
import type { Principal } from './authenticator.ts'

const execute = promisify(execFile)

let database: TestDatabase
let server: TestServer
let folder: string
let certificates: Certificates

beforeAll(async () => {
  database = await openTestDatabase(kernelMigrations)
  folder = mkdtempSync(join(tmpdir(), 'tow-tls-'))
  certificates = makeCertificates(folder)
})
afterAll(async () => {
  await database?.close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  server = await serve('sign-in')
})
function serve(kind: CredentialKind) {
  const principal: Principal = { ...TESTER, credential: { kind, name: null, expiresAt: null } }
  const whoami = operations.access.whoami.handler(({ context }) => {
    const { name, kind, roles, teams, credential } = context.principal!
    return {
      name,
      kind,
      roles: [...roles],
      teams: [...teams],
      credential: { ...credential, expiresAt: null },
    }
  })
  return serveForTest({
    database: database.database,
    routes: { access: { whoami } },
    mounts: [mountSink],
    principal,
  })
}
afterEach(() => server?.close())

/** Reads a body of whatever length and says how long it was. */
function mountSink(scope: FastifyInstance) {
  scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  scope.post('/sink', { config: { permission: 'read' } }, async (request) => {
    let bytes = 0
    for await (const chunk of request.raw) bytes += chunk.length
    return `${bytes} bytes`
  })
}

const listen = (tls: { cert: string; key: string } | null, names: string[] = [], host = '0.0.0.0') =>
  server.listenBeyond({ host, port: 0, names, tls, lookEveryMilliseconds: 20 })

interface Asked {
  name: string
  path?: string
  headers?: Record<string, string>
}

/** To this machine, as whoever resolves the name to it; the certificate must be good for the name. */
function ask(url: string, { name, path = '/api/whoami', headers = {} }: Asked) {
  const { port } = new URL(url)
  return new Promise<{ status: number; text: string; serial: string }>((resolve, reject) => {
    const asked = httpsRequest(
      {
        ...{ host: '127.0.0.1', port, path, servername: name, agent: false },
        ca: readFileSync(certificates.authority),
        headers: { host: `${name}:${port}`, authorization: `Bearer ${TOKEN}`, ...headers },
      },
      async (response) => {
        const { serialNumber } = (response.socket as import('node:tls').TLSSocket).getPeerCertificate()
        let text = ''
        for await (const chunk of response) text += chunk
        resolve({ status: response.statusCode!, text, serial: serialNumber })
      },
    )
    asked.on('error', reject)
    asked.end()
  })
}

describe('over TLS', () => {
  test('Node, curl and openssl find the platform, with a certificate that they trust', async () => {
    const url = await listen(certificates.issue(['tow.example.com', 'localhost', '127.0.0.1']))
    expect(url).toMatch(/^https:\/\/tow\.example\.com:\d+$/)
    const { port } = new URL(url)
    const mine = await ask(url, { name: 'tow.example.com' })
    expect(JSON.parse(mine.text)).toMatchObject({ name: TEST_PERSON })
    const curl = await execute('curl', [
      ...['-sS', '--fail', '--noproxy', '*', '--cacert', certificates.authority],
      ...['--resolve', `tow.example.com:${port}:127.0.0.1`, '-H', `authorization: Bearer ${TOKEN}`],
      `${url}/api/whoami`,
    ])
    expect(JSON.parse(curl.stdout)).toMatchObject({ name: TEST_PERSON })
    const seen = await execute('sh', [
      '-c',
      `openssl s_client -connect 127.0.0.1:${port} -servername tow.example.com -CAfile ${certificates.authority} -verify_return_error -brief </dev/null 2>&1`,
    ])
    expect(seen.stdout + seen.stderr).toMatch(/Protocol version: TLSv1\.3/)
    // The one on loopback is as it was.
    expect(await server.client.access.whoami()).toMatchObject({ name: TEST_PERSON })
  })

  test('TLS 1.1 and plain HTTP get no answer', async () => {
    const { port } = new URL(await listen(certificates.issue(['tow.example.com'])))
    const old = execute('sh', [
      '-c',
      `openssl s_client -connect 127.0.0.1:${port} -tls1_1 -cipher ALL:@SECLEVEL=0 </dev/null`,
    ])
    await expect(old).rejects.toThrow()
    const heard = await new Promise<string>((resolve) => {
      let text = ''
      const socket = netConnect(Number(port), '127.0.0.1', () =>
        socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
      )
      socket.on('data', (chunk) => {
        text += chunk.toString('latin1')
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(text))
    })
    expect(heard).not.toContain('HTTP/1.1 2')
    expect(heard).not.toContain('towpath')
  })

  test.each<[string, Asked, number]>([
    ['a name of its certificate', { name: 'tow.example.com' }, 200],
    ['a name under the certificate’s wildcard', { name: 'any.tow.example.com' }, 200],
    ['a name that it was told', { name: 'tow.example.com', headers: { host: 'told.example.com:1' } }, 200],
    [
      'the address that the connection came to',
      { name: 'tow.example.com', headers: { host: '127.0.0.1' } },
      200,
    ],
    ['another address', { name: 'tow.example.com', headers: { host: '192.0.2.1' } }, 403],
    [
      'a name that somebody else leads here',
      { name: 'tow.example.com', headers: { host: 'evil.example' } },
      403,
    ],
    [
      'localhost, which is the other entrance’s',
      { name: 'tow.example.com', headers: { host: 'localhost' } },
      403,
    ],
  ])('it is asked under %s', async (_, asked, status) => {
    const url = await listen(certificates.issue(['tow.example.com', '*.tow.example.com']), [
      'told.example.com',
    ])
    expect((await ask(url, asked)).status).toBe(status)
  })

  test('a page may call it where it comes from it, over TLS', async () => {
    const url = await listen(certificates.issue(['tow.example.com']))
    const { port } = new URL(url)
    const from = async (origin: string) =>
      (await ask(url, { name: 'tow.example.com', headers: { origin } })).status
    expect(await from(`https://tow.example.com:${port}`)).toBe(200)
    expect(await from(`http://tow.example.com:${port}`)).toBe(403)
    expect(await from('https://tow.example.com')).toBe(403)
  })

  test('a certificate that is renewed is served without a restart, and a broken one is not', async () => {
    const files = certificates.issue(['tow.example.com'], 7)
    const url = await listen(files)
    expect((await ask(url, { name: 'tow.example.com' })).serial).toBe('07')
    certificates.issue(['tow.example.com', 'new.example.com'], 8)
    await expect
      .poll(async () => (await ask(url, { name: 'tow.example.com' })).serial, { timeout: 10_000 })
      .toBe('08')
    expect((await ask(url, { name: 'new.example.com' })).status).toBe(200)
    writeFileSync(files.cert, 'half of a certifi')
    await expect
      .poll(() => server.logged.some(({ level }) => level === 'warn'), { timeout: 10_000 })
      .toBe(true)
    expect((await ask(url, { name: 'tow.example.com' })).serial).toBe('08')
    expect(JSON.stringify(server.logged)).not.toContain('PRIVATE')
  })

  test('a key that others can read is refused, and so are files that are no pair', async () => {
    const files = certificates.issue(['tow.example.com'])
    chmodSync(files.key, 0o604)
    await expect(listen(files)).rejects.toMatchObject({
      code: 'REFUSED',
      hint: expect.stringContaining('chmod 600'),
    })
    chmodSync(files.key, 0o600)
    const other = join(folder, 'other.key')
    writeFileSync(other, readFileSync(join(folder, 'authority.key')), { mode: 0o600 })
    await expect(listen({ ...files, key: other })).rejects.toThrow('is not the key of the certificate')
    await expect(listen({ ...files, cert: other })).rejects.toThrow('holds no certificate')
    await expect(listen({ ...files, cert: join(folder, 'gone.pem') })).rejects.toThrow(
      'can’t be read (ENOENT)',
    )
  })
})

test('the token in the platform’s home is good on its own machine alone', async () => {
  await server.close()
  server = await serve('token-file')
  const refused = await ask(await listen(certificates.issue(['tow.example.com'])), {
    name: 'tow.example.com',
  })
  expect(refused.status).toBe(403)
  expect(refused.text).toContain('good on its own machine alone')
  await server.client.access.whoami()
})

describe('without TLS', () => {
  test('it answers to the names that it was told and to its own address, and to no other', async () => {
    const url = await listen(null, ['tow.internal'])
    const status = async (host: string) =>
      (
        await knock(url.replace('tow.internal', '127.0.0.1'), {
          method: 'GET',
          path: '/api/whoami',
          headers: { host, authorization: `Bearer ${TOKEN}` },
        })
      ).status
    expect(await status('tow.internal:80')).toBe(200)
    expect(await status('127.0.0.1')).toBe(200)
    expect(await status('evil.example')).toBe(403)
    expect(await status('localhost')).toBe(403)
  })

  test('who is unknown can’t hold a connection open with a body that never ends; who is known can', async () => {
    const url = await server.listenBeyond({
      ...{ host: '0.0.0.0', port: 0, names: [], tls: null, strangersBodyMilliseconds: 100 },
    })
    const { port } = new URL(url)
    const send = (token: string) =>
      new Promise<string>((resolve) => {
        let text = ''
        const socket = netConnect(Number(port), '127.0.0.1', () =>
          socket.write(
            `POST /api/sink HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${token}\r\ncontent-length: 9\r\n\r\nabc`,
          ),
        )
        // Longer than a stranger has, so that only who is let go on comes to the end.
        setTimeout(() => socket.write('defghi'), 1000)
        socket.on('data', (chunk) => {
          text += chunk.toString('latin1')
          if (text.includes('9 bytes')) socket.destroy()
        })
        socket.on('error', () => {})
        socket.on('close', () => resolve(text))
      })
    expect(await send('nobody')).not.toContain('9 bytes')
    expect(await send(TOKEN)).toContain('9 bytes')
  })

  test('a port that is taken, and an address that is another machine’s, are one sentence', async () => {
    const { port } = new URL(await listen(null, ['tow.internal']))
    const again = server.listenBeyond({ host: '0.0.0.0', port: Number(port), names: [], tls: null })
    await expect(again).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(listen(null, [], '192.0.2.1')).rejects.toThrow('192.0.2.1 is no address of this machine')
  })
})
