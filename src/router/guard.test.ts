import { createHmac, randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { describe, expect, test } from 'vitest'
import { app, routerWith } from './test-router.ts'
import { ask, at, serviceOf } from './testing.ts'

const NOW = 1_800_000_000_000
const SOON = NOW / 1000 + 60
const KEY = randomBytes(32)
const HOST = 'missions--mine.stage.localhost'

function token({ expiry = SOON, id = 'qa', space = 'mine', key = KEY } = {}) {
  return `${expiry}.${id}.${createHmac('sha256', key).update(`${space}.${expiry}.${id}`).digest('base64url')}`
}

/** A copy behind its door; `seen` is what reached it. */
async function guarded(revoked: string[] = []) {
  const seen: IncomingMessage[] = []
  const copy = await app((request, response) => {
    seen.push(request)
    response.end('mine')
  })
  const base = await app((_request, response) => response.end('stage'))
  const door = { key: KEY.toString('base64url'), revoked }
  const service = serviceOf(
    { v1: [base.port] },
    {
      sets: {
        v1: { endpoints: [at(base.port)] },
        'mine/1': { endpoints: [at(copy.port)], space: 'mine' },
      },
      spaces: { mine: { hosts: [HOST], door } },
      split: [{ match: { space: 'mine' }, weights: { 'mine/1': 1 }, hold: true }, { weights: { v1: 1 } }],
    },
  )
  const started = await routerWith(service, { clock: { now: () => NOW } })
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    ask(started.port, { path, method, headers: { host: HOST, ...headers } })
  return { ...started, get, seen }
}

describe('the door of a space', () => {
  test('keeps out whoever was not invited, and says how to be', async () => {
    const { get, seen } = await guarded()
    const answer = await get('/')
    expect(answer.status).toBe(403)
    expect(JSON.parse(answer.body).error).toMatchObject({ code: 'not-invited' })
    expect(answer.body).toContain('Ask whoever gave you this address for a preview link')
    const page = await get('/', { accept: 'text/html' })
    expect(page.headers['content-type']).toContain('text/html')
    expect(page.body).toContain('The space mine over stage is open to whoever was invited')
    expect(seen).toHaveLength(0)
  })

  test.each([
    ['has expired', token({ expiry: NOW / 1000 })],
    ['was taken back', token({ id: 'gone' })],
    ['is not one of its own', token({ space: 'other' })],
    ['is not one of its own', token({ key: randomBytes(32) })],
    ['is not one of its own', token().replace(/^\d+/, String(SOON + 1))],
    ['is not one of its own', `${SOON}.qa.`],
    ['is not one of its own', 'nonsense'],
    ['is not one of its own', '..'],
    ['is not one of its own', 'x'.repeat(8_000)],
  ])('refuses an invitation that %s', async (why, brought) => {
    const { get, seen } = await guarded(['gone'])
    for (const answer of [
      await get('/', { 'tow-preview': brought }),
      await get(`/?tow-preview=${brought}`),
      await get('/', { cookie: `tow-preview=${brought}` }),
    ]) {
      expect(answer.status).toBe(403)
      expect(JSON.parse(answer.body).error.message).toContain(why)
    }
    expect(seen).toHaveLength(0)
  })

  test('takes a link once, keeps the invitation as a cookie, and goes on to the clean address', async () => {
    const { get, seen } = await guarded()
    const linked = await get(`/a?x=1&tow-preview=${token()}&y=2`)
    expect(linked.status).toBe(302)
    expect(linked.headers.location).toBe('/a?x=1&y=2')
    expect(linked.headers['cache-control']).toBe('no-store')
    const [cookie] = linked.headers['set-cookie']!
    expect(cookie).toBe(`tow-preview=${token()}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax`)
    expect(seen).toHaveLength(0)
    const answer = await get('/a?x=1&y=2', { cookie: `lane=1; ${cookie!.split(';')[0]}; other=2` })
    expect(answer.body).toBe('mine')
  })

  test('never shows the token to the app, nor to a record', async () => {
    const { get, seen, records, edge } = await guarded()
    const secret = token()
    await get('/', { 'tow-preview': secret })
    await get('/', { cookie: `lane=1; tow-preview=${secret}; other=2` })
    await get('/', { cookie: `tow-preview=${secret}` })
    await get(`/b?tow-preview=${secret}`, {}, 'POST')
    await get(`/b?tow-preview=${secret}`)
    await get(`/b?tow-preview=${secret}x`)
    await ask(edge.port, { ...edge, headers: { ...edge.headers, 'tow-preview': secret } })
    expect(seen.map((request) => request.url)).toEqual(['/', '/', '/', '/b'])
    expect(seen.map((request) => request.headers.cookie)).toEqual([
      undefined,
      'lane=1; other=2',
      undefined,
      undefined,
    ])
    expect(JSON.stringify(seen.map((request) => request.rawHeaders))).not.toContain(secret)
    expect(records).toHaveLength(7)
    expect(JSON.stringify(records)).not.toContain(secret)
  })

  test.each(['//evil.example/x', '/\\evil.example/x'])(
    'sends nobody on to another host: %s',
    async (path) => {
      const { get } = await guarded()
      const { location } = (await get(`${path}?tow-preview=${token()}`)).headers
      expect(new URL(location!, `http://${HOST}/`).host).toBe(HOST)
    },
  )

  test('is not asked of calls between apps, nor of who comes to the environment', async () => {
    const { router, edge } = await guarded()
    const inside = await router.listenService({
      service: 'stage/missions',
      door: 'inside',
      host: '127.0.0.1',
      port: 0,
    })
    expect((await ask(inside.port, { headers: { baggage: 'tow.space=mine' } })).body).toBe('mine')
    expect((await ask(edge.port, edge)).body).toBe('stage')
  })

  test('guards a port of the space as it does its names, and the port goes with the space', async () => {
    const { router, set } = await guarded()
    const own = await router.listenService({
      service: 'stage/missions',
      door: 'edge',
      space: 'mine',
      host: '127.0.0.1',
      port: 0,
    })
    expect((await ask(own.port)).status).toBe(403)
    const answer = await ask(own.port, { headers: { 'tow-preview': token(), baggage: 'tow.space=other' } })
    expect(answer.body).toBe('mine')
    set(serviceOf({ v1: [] }))
    expect((await ask(own.port, { headers: { 'tow-preview': token() } })).status).toBe(404)
  })

  test('tells a gRPC client by its status', async () => {
    const { port } = await guarded()
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    const stream = session.request({
      ':method': 'POST',
      ':authority': HOST,
      'content-type': 'application/grpc',
    })
    stream.end()
    const headers = await new Promise<Record<string, unknown>>((resolve) => stream.on('response', resolve))
    session.destroy()
    expect(headers['grpc-status']).toBe('7')
    expect(headers['x-tow-router']).toBe('not-invited')
  })
})
