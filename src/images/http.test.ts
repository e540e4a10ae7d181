import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readRetryAfter, send } from './http.ts'
import { connectRegistry } from './registry.ts'
import { needsProgram } from './testing.ts'

async function serve(listener: RequestListener): Promise<URL> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
}

const headers = { authorization: 'Basic c2VjcmV0' }

test('a redirect to another host is followed without the login, within the host with it', async () => {
  const seen: string[] = []
  const storage = await serve(({ headers }, answer) => {
    seen.push(`storage ${headers.authorization}`)
    answer.end('bytes')
  })
  const registry = await serve(({ headers, url }, answer) => {
    seen.push(`registry ${headers.authorization}`)
    answer.writeHead(307, { location: url === '/' ? '/again' : storage.href }).end()
  })
  const response = await send({ method: 'GET', url: registry, headers })
  expect(await response.text()).toBe('bytes')
  expect(seen).toEqual(['registry Basic c2VjcmV0', 'registry Basic c2VjcmV0', 'storage undefined'])
})

test('a circle of redirects ends', async () => {
  const registry = await serve((_, answer) => answer.writeHead(307, { location: '/' }).end())
  await expect(send({ method: 'GET', url: registry })).rejects.toThrow(/leads in a circle/)
})

test('what must not be done twice is done once, unless it was refused for haste', async () => {
  const answers = [429, 429, 503]
  let asked = 0
  const registry = await serve((_, answer) =>
    answer.writeHead(answers[asked++]!, { 'retry-after': '0' }).end(),
  )
  expect((await send({ method: 'PATCH', url: registry, repeats: false })).status).toBe(503)
  expect(asked).toBe(3)
})

test('when to try again is told in seconds or as a date, and never later than half a minute', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  expect(readRetryAfter('3', now)).toBe(3000)
  expect(readRetryAfter('Thu, 01 Jan 2026 00:00:05 GMT', now)).toBe(5000)
  expect(readRetryAfter('Thu, 01 Jan 2025 00:00:00 GMT', now)).toBe(0)
  expect(readRetryAfter('86400', now)).toBe(30_000)
  expect(readRetryAfter('soon', now)).toBeNull()
  expect(readRetryAfter(null, now)).toBeNull()
})

test('a certificate that nobody vouches for, and no TLS at all, are told apart, with what mends them', async ({
  skip,
}) => {
  needsProgram(skip, 'openssl')
  const folder = mkdtempSync(join(tmpdir(), 'tow-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const subject = ['-subj', '/CN=localhost', '-days', '2', '-nodes', '-keyout', keyFile, '-out', certFile]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...subject], { stdio: 'ignore' })
  const key = readFileSync(keyFile)
  let asked = 0
  const server = createTlsServer({ key, cert: readFileSync(certFile) }).listen(0, '127.0.0.1')
  server.on('connection', () => {
    asked += 1
  })
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  await expect(send({ method: 'GET', url: new URL(`https://127.0.0.1:${port}/`) })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: `The registry 127.0.0.1:${port} does not answer: self-signed certificate`,
    hint: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
  })
  expect(asked).toBe(1)

  const plain = await serve((_, answer) => answer.end())
  await expect(
    send({ method: 'GET', url: new URL(plain.href.replace('http:', 'https:')) }),
  ).rejects.toMatchObject({
    message: `The registry ${plain.host} does not answer: it speaks no TLS`,
    hint: expect.stringContaining('plain HTTP'),
  })
})

test('an upload is not sent where it could be read on the way', () => {
  const registry = connectRegistry('registry.example.com', { credentials: async () => null })
  expect(() => registry.locate('http://elsewhere.example.com/upload', 'x')).toThrow(
    /from HTTPS to plain HTTP/,
  )
  // A registry behind a proxy that ends TLS often does not know its own address.
  expect(registry.locate('http://registry.example.com/v2/u?a=b', 'x').href).toBe(
    'https://registry.example.com/v2/u?a=b',
  )
  expect(registry.locate('/v2/u', 'x').href).toBe('https://registry.example.com/v2/u')
  expect(() => registry.locate(null, 'x')).toThrow(/gave no place to send to/)
})

test('plain HTTP is for this machine and for who is named so', async () => {
  const source = { credentials: async () => null, plainHttp: ['registry.lan:5000'] }
  const protocolOf = (name: string) => connectRegistry(name, source).locate('/', 'x').protocol
  expect(['localhost:5000', '127.0.0.1:5000', '[::1]:5000', 'registry.lan:5000'].map(protocolOf)).toEqual(
    Array(4).fill('http:'),
  )
  expect(
    ['registry.lan', 'localhost.example.com', '127.0.0.1.example.com', 'docker.io'].map(protocolOf),
  ).toEqual(Array(4).fill('https:'))
})
