import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { symlink, utimes, writeFile } from 'node:fs/promises'
import { type IncomingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { buildFolder, layOut, temporaryFolder, writeFiles } from '../test-support.ts'
// @ts-expect-error the server is plain JavaScript, because it is shipped as one file
import { createStaticServer } from './static-server.mjs'

const BIG = 'a line that compresses well\n'.repeat(200)

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

function ask(
  port: number,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request({ port, path, headers, method }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks) }),
      )
    })
      .on('error', reject)
      .end()
  })
}

async function serve(folder: string, options: { spa?: boolean } = {}): Promise<number> {
  const server = await createStaticServer(folder, options)
  server.listen(0)
  await once(server, 'listening')
  onTestFinished(() => server.close())
  return (server.address() as AddressInfo).port
}

describe('the static file server', () => {
  let site: string
  let port: number
  beforeEach(async () => {
    site = await temporaryFolder()
    await writeFiles(site, {
      'index.html': '<h1>home</h1>',
      'about.html': 'about',
      'docs/index.html': 'docs',
      'app.css': BIG,
      'assets/index-BfX2a9c1.js': 'hashed',
      'assets/app-settings.js': 'not hashed',
      'data.bin': '0123456789',
      'empty.txt': '',
      '.env': 'SECRET=1',
      '.git/config': 'x',
      '.well-known/security.txt': 'contact',
      Procfile: 'web: x',
      'übung datei.txt': 'unicode',
    })
    port = await serve(site)
  })

  test('serves files with their types, and index.html for a folder', async () => {
    const home = await ask(port, '/')
    expect(home).toMatchObject({
      status: 200,
      headers: { 'content-type': 'text/html; charset=utf-8', 'content-length': '13' },
    })
    expect(home.headers['x-content-type-options']).toBe('nosniff')
    expect((await ask(port, '/docs/')).body.toString()).toBe('docs')
    expect((await ask(port, '/about')).body.toString()).toBe('about')
    expect((await ask(port, `/${encodeURIComponent('übung datei.txt')}?v=1`)).body.toString()).toBe('unicode')
    expect(await ask(port, '/empty.txt')).toMatchObject({ status: 200, headers: { 'content-length': '0' } })
    expect((await ask(port, '/.well-known/security.txt')).status).toBe(200)
  })

  test('a folder without its slash is redirected within this host', async () => {
    expect(await ask(port, '/docs?a=b?c')).toMatchObject({
      status: 301,
      headers: { location: '/docs/?a=b?c' },
    })
    expect((await ask(port, '//docs')).headers.location).toBe('/docs/')
  })

  test.each([
    '/.env',
    '/.git/config',
    '/../index.html',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/docs/..%2f..%2fetc/passwd',
    '/..%5c..%5cetc',
    '/Procfile',
    '/missing',
    '/app.css/',
    '/index.html/x',
  ])('nothing hidden, outside or absent is served: %s', async (path) => {
    const { status, body } = await ask(port, path)
    expect(status).toBe(404)
    expect(body.toString()).toBe('There is no such page here.\n')
  })

  test('a link that leaves the folder is not followed', async () => {
    const outside = await temporaryFolder()
    await writeFile(join(outside, 'secret.txt'), 'x')
    await symlink(join(outside, 'secret.txt'), join(site, 'link.txt'))
    await symlink('about.html', join(site, 'inside.html'))
    expect((await ask(port, '/link.txt')).status).toBe(404)
    expect((await ask(port, '/inside.html')).body.toString()).toBe('about')
  })

  test('a malformed address is refused, another method too', async () => {
    expect((await ask(port, '/%zz')).status).toBe(400)
    expect((await ask(port, '/a%00b')).status).toBe(400)
    expect(await ask(port, '/', {}, 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
  })

  test('HEAD answers as GET does, without the body', async () => {
    const [get, head] = [await ask(port, '/data.bin'), await ask(port, '/data.bin', {}, 'HEAD')]
    expect(head.body).toHaveLength(0)
    for (const name of ['content-length', 'etag', 'content-type', 'last-modified'])
      expect(head.headers[name]).toBe(get.headers[name])
  })

  test('the ETag comes from the content: a new time keeps it, new content changes it', async () => {
    const first = (await ask(port, '/data.bin')).headers.etag!
    expect(first).toMatch(/^"[\w-]{27}"$/)
    await utimes(join(site, 'data.bin'), 1, 1)
    expect((await ask(port, '/data.bin')).headers.etag).toBe(first)
    await writeFile(join(site, 'data.bin'), '9876543210')
    expect((await ask(port, '/data.bin')).headers.etag).not.toBe(first)
  })

  test('what the browser has already is not sent again', async () => {
    const { headers } = await ask(port, '/data.bin')
    const conditions: Record<string, string>[] = [
      { 'if-none-match': headers.etag! },
      { 'if-none-match': `"other", W/${headers.etag}` },
      { 'if-none-match': '*' },
      { 'if-modified-since': headers['last-modified']! },
    ]
    for (const condition of conditions) {
      const answer = await ask(port, '/data.bin', condition)
      expect(answer).toMatchObject({ status: 304, headers: { etag: headers.etag } })
      expect(answer.body).toHaveLength(0)
    }
    const stale = { 'if-none-match': '"other"', 'if-modified-since': headers['last-modified']! }
    expect((await ask(port, '/data.bin', stale)).status).toBe(200)
  })

  test.each([
    ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
    ['bytes=7-', 206, '789', 'bytes 7-9/10'],
    ['bytes=-2', 206, '89', 'bytes 8-9/10'],
    ['bytes=5-99', 206, '56789', 'bytes 5-9/10'],
    ['bytes=10-', 416, 'The file has no such range.\n', 'bytes */10'],
    ['bytes=4-2', 200, '0123456789', undefined],
    ['bytes=0-1,3-4', 200, '0123456789', undefined],
    ['chars=0-1', 200, '0123456789', undefined],
  ])('the range %s gives %i', async (range, status, body, contentRange) => {
    const answer = await ask(port, '/data.bin', { range })
    expect([answer.status, answer.body.toString(), answer.headers['content-range']]).toEqual([
      status,
      body,
      contentRange,
    ])
  })

  test('a range of another version is not mixed into this one', async () => {
    const { headers } = await ask(port, '/data.bin')
    expect((await ask(port, '/data.bin', { range: 'bytes=0-1', 'if-range': '"other"' })).status).toBe(200)
    expect((await ask(port, '/data.bin', { range: 'bytes=0-1', 'if-range': headers.etag! })).status).toBe(206)
  })

  test('text is compressed as the browser can read it, each form with an ETag of its own', async () => {
    const br = await ask(port, '/app.css', { 'accept-encoding': 'gzip, br' })
    const gzip = await ask(port, '/app.css', { 'accept-encoding': 'br;q=0, gzip' })
    const none = await ask(port, '/app.css')
    expect([br, gzip, none].map(({ headers }) => headers['content-encoding'])).toEqual([
      'br',
      'gzip',
      undefined,
    ])
    expect(brotliDecompressSync(br.body).toString()).toBe(BIG)
    expect(gunzipSync(gzip.body).toString()).toBe(BIG)
    expect(new Set([br, gzip, none].map(({ headers }) => headers.etag)).size).toBe(3)
    for (const { headers } of [br, gzip, none]) expect(headers.vary).toBe('Accept-Encoding')
    expect(
      (await ask(port, '/data.bin', { 'accept-encoding': 'br' })).headers['content-encoding'],
    ).toBeUndefined()
    expect((await ask(port, '/app.css', { 'accept-encoding': 'br', range: 'bytes=0-0' })).status).toBe(206)
  })

  test('only names that carry a hash are kept for good', async () => {
    const caching = async (path: string) => (await ask(port, path)).headers['cache-control']
    expect(await caching('/assets/index-BfX2a9c1.js')).toBe('public, max-age=31536000, immutable')
    expect(await caching('/assets/app-settings.js')).toBe('no-cache')
    expect(await caching('/')).toBe('no-cache')
  })

  test('unknown pages of a single-page app answer with the first page, unknown files do not', async () => {
    const spa = await serve(site, { spa: true })
    expect(await ask(spa, '/users/7', { accept: 'text/html' })).toMatchObject({
      status: 200,
      body: Buffer.from('<h1>home</h1>'),
    })
    expect((await ask(spa, '/gone.js', { accept: '*/*' })).status).toBe(404)
    expect((await ask(spa, '/api', { accept: 'application/json' })).status).toBe(404)
    expect((await ask(spa, '/.env', { accept: 'text/html' })).body.toString()).not.toContain('SECRET')
  })

  test('the 404 page of the site is used', async () => {
    await writeFiles(site, { '404.html': 'nothing here' })
    expect(await ask(port, '/missing')).toMatchObject({ status: 404, body: Buffer.from('nothing here') })
  })
})

test('a folder with an index.html ships with its server, which runs from $PORT and ends at SIGTERM', async () => {
  const source = await temporaryFolder()
  await writeFiles(source, { 'public/index.html': '<h1>hi</h1>', 'README.md': 'x' })
  const { plan, result } = await buildFolder(source)
  expect(plan).toMatchObject({
    language: 'static',
    because: 'A static site: there is an index.html in public',
    processes: { web: 'node .tow/static-server.mjs public' },
    runtime: { name: 'node', range: '>=18' },
  })
  expect(result).toMatchObject({ dependencies: null, platform: 'any' })
  const workspace = await layOut(result)
  const child = spawn('sh', ['-c', `exec ${plan.processes.web}`], {
    cwd: workspace,
    env: { PATH: process.env.PATH, PORT: '0' },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(/port (\d+)/.exec(line.toString())?.[1])
  expect((await ask(port, '/')).body.toString()).toBe('<h1>hi</h1>')
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
})
