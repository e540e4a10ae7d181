import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { serveForTest, type TestServer } from '../../../../test/serve.ts'
import { consolePages } from './console.ts'

let folder: string
let database: TestDatabase
let server: TestServer

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tow-console-'))
  await mkdir(join(folder, 'assets'))
  await writeFile(join(folder, 'index.html'), '<!doctype html><title>Towpath</title>')
  await writeFile(join(folder, 'assets/console-abc.js'), 'plain')
  await writeFile(join(folder, 'assets/console-abc.js.gz'), gzipSync('small'))
  await writeFile(join(folder, 'secret.js'), 'secret')
  database = await openTestDatabase()
  const isSignedIn = async (incoming: { headers: { cookie?: string | undefined } }) =>
    incoming.headers.cookie === 'yes'
  server = await serveForTest({
    database: database.database,
    routes: {},
    pages: [consolePages({ folder: async () => folder, isSignedIn })],
  })
})
afterAll(async () => {
  await server?.close()
  await database?.close()
  await rm(folder, { recursive: true, force: true })
})

function get(path: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; headers: Record<string, unknown>; body: Buffer }>(
    (resolve, reject) => {
      const sent = request(server.url + path, { headers }, (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('end', () =>
          resolve({ status: answer.statusCode!, headers: answer.headers, body: Buffer.concat(chunks) }),
        )
      })
      sent.on('error', reject).end()
    },
  )
}

describe('the console’s pages', () => {
  test.for(['/', '/fleet', '/apps/web/stage', '/rollouts/ro_1?line=3'])(
    '%s leads whoever is not signed in to the sign-in, and back afterwards',
    async (path) => {
      const { status, headers } = await get(path)
      expect(status).toBe(303)
      expect(headers.location).toBe(path === '/' ? '/sign-in' : `/sign-in?to=${encodeURIComponent(path)}`)
    },
  )

  test.for(['/', '/fleet', '/apps/web/stage', '/rollouts/ro_1'])(
    '%s is the one page for whoever is signed in, with no script but our own',
    async (path) => {
      const { status, headers, body } = await get(path, { cookie: 'yes' })
      expect({ status, type: headers['content-type'] }).toEqual({
        status: 200,
        type: 'text/html; charset=utf-8',
      })
      expect(body.toString()).toContain('<title>Towpath</title>')
      expect(headers['cache-control']).toBe('no-store')
      const policy = String(headers['content-security-policy'])
      expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
      expect(policy).not.toMatch(/unsafe|\*|https?:/)
    },
  )

  test('an address that is no page is not found', async () => {
    expect((await get('/nonsense', { cookie: 'yes' })).status).toBe(404)
    expect((await get('/api/nonsense', { cookie: 'yes' })).status).toBe(404)
  })
})

describe('the console’s files', () => {
  test('are kept for good, and come compressed where the browser can read that', async () => {
    const plain = await get('/assets/console-abc.js')
    expect(plain.body.toString()).toBe('plain')
    expect(plain.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    const small = await get('/assets/console-abc.js', { 'accept-encoding': 'deflate, gzip' })
    expect(small.headers['content-encoding']).toBe('gzip')
    expect(gunzipSync(small.body).toString()).toBe('small')
  })

  test.for([
    '/assets/..%2fsecret.js',
    '/assets/%2e%2e/secret.js',
    '/assets/index.html',
    '/assets/gone.js',
    '/assets/console-abc.js.gz',
  ])('%s is not found', async (path) => {
    const { status, body, headers } = await get(path)
    expect(status).toBe(404)
    expect(body.toString()).not.toContain('secret"')
    expect(headers['cache-control']).toBe('no-store')
  })
})
