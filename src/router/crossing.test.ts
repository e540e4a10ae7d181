import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { app, doors, routerWith } from './test-router.ts'
import { ask, eventually, freePort, rawExchange, readAll, serviceOf } from './testing.ts'

describe('what crosses the router', () => {
  async function echo(door: 'edge' | 'inside', headers: Record<string, string | string[]>) {
    const { port: appPort } = await app((request, response) =>
      response.end(JSON.stringify({ url: request.url, headers: request.headers })),
    )
    const { router } = await routerWith(serviceOf({ v1: [appPort] }))
    const { port } = await doors(router, door)
    const answer = await ask(port, { path: '/a%20b?c=1', headers: { host: 'x.test', ...headers } })
    return { answer, seen: JSON.parse(answer.body) as { url: string; headers: Record<string, string> } }
  }

  test('path, host and headers arrive as they were sent, hop-by-hop headers do not', async () => {
    const { seen } = await echo('edge', {
      'x-own': 'yes',
      connection: 'keep-alive, x-secret-hop',
      'x-secret-hop': '1',
      'keep-alive': 'timeout=9',
      'proxy-connection': 'keep-alive',
      te: 'trailers, deflate',
    })
    expect(seen.url).toBe('/a%20b?c=1')
    expect(seen.headers).toMatchObject({ host: 'x.test', 'x-own': 'yes', te: 'trailers' })
    expect(seen.headers).not.toHaveProperty('x-secret-hop')
    expect(seen.headers).not.toHaveProperty('keep-alive')
    expect(seen.headers).not.toHaveProperty('proxy-connection')
  })

  test('at the edge, what a client claims about its address, host and space is replaced', async () => {
    const { seen } = await echo('edge', {
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'evil.example',
      x_forwarded_for: '6.6.6.6',
      'x-real-ip': '6.6.6.6',
      forwarded: 'for=6.6.6.6',
      baggage: 'a=1, tow.space=stolen ,b=2;p=3',
    })
    expect(seen.headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'x.test',
      forwarded: 'for=127.0.0.1;host=x.test;proto=http',
      baggage: 'a=1,b=2;p=3',
    })
    expect(JSON.stringify(seen.headers)).not.toContain('6.6.6.6')
  })

  test('inside, the chain of addresses grows and the baggage is kept', async () => {
    const { seen } = await echo('inside', {
      'x-forwarded-for': '10.0.0.9',
      'x-forwarded-proto': 'https',
      baggage: 'tow.space=mine,a=1',
    })
    expect(seen.headers).toMatchObject({
      'x-forwarded-for': '10.0.0.9, 127.0.0.1',
      'x-forwarded-proto': 'https',
      baggage: 'tow.space=mine,a=1',
    })
  })

  test('a request id and a trace are made where there are none, and told in the answer', async () => {
    const { answer, seen } = await echo('edge', {})
    expect(seen.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
    expect(answer.headers['x-request-id']).toBe(seen.headers['x-request-id'])
    expect(seen.headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/)
  })

  test('a sound request id and trace are kept, malformed ones are replaced', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00'
    const kept = await echo('edge', { traceparent, tracestate: 'v=1', 'x-request-id': 'abc-1' })
    expect(kept.seen.headers).toMatchObject({ traceparent, tracestate: 'v=1', 'x-request-id': 'abc-1' })
    const made = await echo('edge', {
      traceparent: '00-xyz',
      tracestate: 'v=1',
      'x-request-id': 'a b<script>',
    })
    expect(made.seen.headers.traceparent).toMatch(/^00-[0-9a-f]{32}-/)
    expect(made.seen.headers).not.toHaveProperty('tracestate')
    expect(made.seen.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })

  test('several cookies that the app sets stay several, and header bytes beyond ASCII survive', async () => {
    const { port: appPort } = await app((_request, response) => {
      response.writeHead(200, ['set-cookie', 'a=1', 'set-cookie', 'b=2', 'x-name', 'caf\xe9'])
      response.end()
    })
    const { edge } = await routerWith(serviceOf({ v1: [appPort] }))
    const answer = await ask(edge.port, edge)
    expect(answer.headers['set-cookie']).toEqual(['a=1', 'b=2'])
    expect(answer.headers['x-name']).toBe('caf\xe9')
  })

  test('bodies with a length, without one and trailers pass in both directions', async () => {
    const { port: appPort } = await app(async (request, response) => {
      const body = await readAll(request)
      response.writeHead(200, {
        trailer: 'x-sum',
        'x-framing': request.headers['content-length'] ?? 'chunked',
      })
      response.write(body)
      response.addTrailers({ 'x-sum': `${body.length}:${request.trailers['x-in'] ?? ''}` })
      response.end()
    })
    const { edge } = await routerWith(serviceOf({ v1: [appPort] }))
    const sized = await ask(edge.port, { ...edge, method: 'POST', body: 'hello' })
    expect(sized).toMatchObject({ body: 'hello', trailers: { 'x-sum': '5:' }, headers: { 'x-framing': '5' } })
    const request = httpRequest({ ...edge, host: '127.0.0.1', method: 'PUT', agent: false })
    request.setHeader('trailer', 'x-in')
    request.write('one')
    request.write('two')
    request.addTrailers({ 'x-in': 'yes' })
    request.end()
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    expect(await readAll(answer)).toBe('onetwo')
    expect(answer.trailers['x-sum']).toBe('6:yes')
    expect(answer.headers['x-framing']).toBe('chunked')
  })

  test('answers without a body (HEAD, 204, 304) and clients of HTTP/1.0 are served', async () => {
    const { port: appPort } = await app((request, response) => {
      if (request.url === '/304') response.writeHead(304, { etag: '"x"' }).end()
      else if (request.url === '/204') response.writeHead(204).end()
      else if (request.url === '/stream') response.write('a', () => response.end('b'))
      else response.writeHead(200, { 'content-length': 5 }).end(request.method === 'HEAD' ? '' : 'hello')
    })
    const { edge, port } = await routerWith(serviceOf({ v1: [appPort] }))
    expect(await ask(port, { ...edge, method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
    expect((await ask(port, { ...edge, method: 'HEAD' })).headers['content-length']).toBe('5')
    expect((await ask(port, { ...edge, path: '/304' })).status).toBe(304)
    expect((await ask(port, { ...edge, path: '/204' })).status).toBe(204)
    const old = await rawExchange(port, 'GET /stream HTTP/1.0\r\nHost: missions.stage.localhost\r\n\r\n')
    expect(old).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(old).not.toMatch(/transfer-encoding/i)
    expect(old.endsWith('\r\n\r\nab')).toBe(true)
  })

  test('a client that waits for 100 Continue gets it from the app, and the refusal too', async () => {
    const { port: appPort, server } = await app(async (request, response) =>
      response.end(await readAll(request)),
    )
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      if (request.url === '/no') response.writeHead(417).end()
      else {
        response.writeContinue()
        server.emit('request', request, response)
      }
    })
    const { edge } = await routerWith(serviceOf({ v1: [appPort] }))
    const headers = { ...edge.headers, expect: '100-continue', 'content-length': 2 }
    const request = httpRequest({ ...edge, host: '127.0.0.1', method: 'POST', headers, agent: false })
    request.flushHeaders()
    await once(request, 'continue')
    request.end('ok')
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    expect(await readAll(answer)).toBe('ok')
    const refused = httpRequest({
      ...edge,
      host: '127.0.0.1',
      method: 'POST',
      path: '/no',
      headers,
      agent: false,
    })
    refused.on('error', () => {})
    refused.flushHeaders()
    const [no] = (await once(refused, 'response')) as [IncomingMessage]
    expect(no.statusCode).toBe(417)
    refused.destroy()
  })
})

describe('streams', () => {
  test('events of a stream arrive one by one, and a client that leaves ends the work of the app', async () => {
    let left!: () => void
    const gone = new Promise<void>((resolve) => {
      left = resolve
    })
    let send!: (text: string) => void
    const { port: appPort } = await app((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      send = (text) => response.write(`data: ${text}\n\n`)
      response.on('close', left)
    })
    const { router, edge, records } = await routerWith(serviceOf({ v1: [appPort] }))
    const request = httpRequest({ ...edge, host: '127.0.0.1', agent: false }).end()
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    send('one')
    expect(String((await once(answer, 'data'))[0])).toBe('data: one\n\n')
    send('two')
    expect(String((await once(answer, 'data'))[0])).toBe('data: two\n\n')
    expect(router.inFlight('stage/missions', 'v1')).toBe(1)
    expect(router.streams('stage/missions', 'v1')).toBe(1)
    answer.on('error', () => {})
    request.destroy()
    await gone
    await eventually(() => records[0]).toMatchObject({ status: 499, bytesOut: 22, set: 'v1' })
    expect(router.inFlight('stage/missions', 'v1')).toBe(0)
    expect(router.streams('stage/missions', 'v1')).toBe(0)
  })

  test('a client that leaves before the answer ends the work of the app', async () => {
    const arrived = Promise.withResolvers<ServerResponse>()
    const { port: appPort } = await app((_request, response) => arrived.resolve(response))
    const { edge } = await routerWith(serviceOf({ v1: [appPort] }))
    const request = httpRequest({ ...edge, host: '127.0.0.1', agent: false }).on('error', () => {})
    request.end()
    const response = await arrived.promise
    request.destroy()
    await once(response, 'close')
    expect(response.writableFinished).toBe(false)
  })

  test('a client that does not read holds the app back, and one that sends too fast is held back', async () => {
    let written = 0
    const { port: appPort } = await app((request, response) => {
      if (request.method === 'POST') return // reads nothing
      const chunk = Buffer.alloc(64 * 1024)
      const more = () => {
        while (response.writable) {
          written += chunk.length
          if (!response.write(chunk)) break
        }
      }
      response.on('drain', more)
      more()
    })
    const { edge } = await routerWith(serviceOf({ v1: [appPort] }))
    const down = httpRequest({ ...edge, host: '127.0.0.1', agent: false }).end()
    const [answer] = (await once(down, 'response')) as [IncomingMessage]
    answer.on('error', () => {})
    let before = -1
    while (before !== written) {
      before = written
      await new Promise((resolve) => setTimeout(resolve, 200))
    }
    expect(written).toBeLessThan(32 * 1024 * 1024)
    down.destroy()
    const up = httpRequest({ ...edge, host: '127.0.0.1', method: 'POST', agent: false }).on('error', () => {})
    let sent = 0
    const chunk = Buffer.alloc(1024 * 1024)
    while (sent < 64 && up.write(chunk)) sent++
    for (let quiet = false; !quiet && sent < 64; ) {
      const drained = once(up, 'drain').then(() => true)
      quiet = !(await Promise.race([
        drained,
        new Promise((resolve) => setTimeout(() => resolve(false), 300)),
      ]))
      if (!quiet) {
        sent++
        up.write(chunk)
      }
    }
    expect(sent).toBeLessThan(64)
    up.destroy()
  })

  test('an answer that breaks off in the middle is broken off for the client, never ended as if whole', async () => {
    const { port: appPort } = await app((_request, response) => {
      response.write('half')
      setImmediate(() => response.destroy())
    })
    const { edge, records } = await routerWith(serviceOf({ v1: [appPort] }))
    await expect(ask(edge.port, edge)).rejects.toThrow()
    await eventually(() => records[0]).toMatchObject({ reason: 'broke-off' })
  })

  test('upgraded connections carry bytes both ways, also those that came with the handshake', async () => {
    const { port: appPort, server } = await app((_request, response) => response.end())
    server.on('upgrade', (request: IncomingMessage, socket: Socket, rest: Buffer) => {
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\nX-Key: ${request.headers['x-key']}\r\n\r\nhello`,
      )
      socket.write(rest)
      socket.pipe(socket)
    })
    const { router, port, records } = await routerWith(serviceOf({ v1: [appPort] }))
    const socket = connect(port, '127.0.0.1')
    socket.write(
      'GET /ws HTTP/1.1\r\nHost: missions.stage.localhost\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Key: k\r\n\r\nearly',
    )
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    while (!text.includes('helloearly')) await once(socket, 'data')
    expect(text).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n/)
    expect(text).toMatch(/upgrade: echo/i)
    expect(text).toMatch(/X-Key: k/)
    expect(router.inFlight('stage/missions', 'v1')).toBe(1)
    expect(router.streams('stage/missions', 'v1')).toBe(1)
    socket.write('later')
    while (!text.endsWith('later')) await once(socket, 'data')
    socket.end()
    await once(socket, 'close')
    await expect
      .poll(() => records[0])
      .toMatchObject({ upgraded: true, status: 101, bytesIn: 10, bytesOut: 15 })
    expect(router.inFlight('stage/missions', 'v1')).toBe(0)
    expect(router.streams('stage/missions', 'v1')).toBe(0)
  })

  test('an app that refuses to upgrade answers as usual, and an app that is away gets a page', async () => {
    const { port: appPort } = await app((_request, response) => response.writeHead(426).end('no'))
    const { port, set } = await routerWith(serviceOf({ v1: [appPort] }))
    const handshake =
      'GET / HTTP/1.1\r\nHost: missions.stage.localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    expect(await rawExchange(port, handshake)).toMatch(/^HTTP\/1.1 426 Upgrade Required\r\n[\s\S]*no/)
    set(serviceOf({ v1: [await freePort()] }))
    expect(await rawExchange(port, handshake)).toMatch(
      /^HTTP\/1.1 502 Bad Gateway\r\n[\s\S]*accepted no connection/,
    )
  })

  test('an offer to go on in h2c is ignored and the request served', async () => {
    const { port: appPort } = await app((request, response) =>
      response.end(`ok ${request.headers.upgrade ?? 'plain'} ${request.headers['http2-settings'] ?? 'none'}`),
    )
    const { port } = await routerWith(serviceOf({ v1: [appPort] }))
    const answer = await rawExchange(
      port,
      'GET / HTTP/1.1\r\nHost: missions.stage.localhost\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
      (text) => text.includes('ok '),
    )
    expect(answer).toContain('ok plain none')
  })
})
