import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { app, doors, routerWith } from './test-router.ts'
import { ask, eventually, freePort, keepAliveAgent, rawExchange, readAll, serviceOf } from './testing.ts'

describe('finding the app', () => {
  test('an unknown host gets 404 with the names that are there when asked from this machine', async () => {
    const { port } = await routerWith(serviceOf({ v1: [1] }))
    const answer = await ask(port, { headers: { host: 'nope.stage.localhost' } })
    expect(answer.status).toBe(404)
    expect(JSON.parse(answer.body).error).toMatchObject({
      code: 'unknown-host',
      message: 'No app answers at nope.stage.localhost.',
      offers: [`http://missions.stage.localhost:${port}/`],
    })
  })

  test('an unknown host that only borrowed the address of this machine is told no names', async () => {
    const { port } = await routerWith(serviceOf({ v1: [1] }))
    const answer = await ask(port, { headers: { host: 'evil.example' } })
    expect(answer.status).toBe(404)
    expect(answer.body).not.toContain('missions')
  })

  test('the name is matched without regard to case, port and a dot at the end', async () => {
    const { port: appPort } = await app((_request, response) => response.end('here'))
    const { port } = await routerWith(serviceOf({ v1: [appPort] }))
    for (const host of [
      'MISSIONS.stage.localhost',
      'missions.stage.localhost:99',
      'missions.stage.localhost.',
    ]) {
      expect((await ask(port, { headers: { host } })).body).toBe('here')
    }
  })

  test('a port of a service answers under any name, and 404 once the service is gone', async () => {
    const { port: appPort } = await app((_request, response) => response.end('here'))
    const { router } = await routerWith(serviceOf({ v1: [appPort] }))
    const { port } = await doors(router, 'inside')
    expect((await ask(port)).body).toBe('here')
    router.update({ services: {} })
    expect((await ask(port)).status).toBe(404)
  })
})

describe('when the app does not answer', () => {
  const html = { accept: 'text/html,*/*' }

  test('nothing runs: 503 with the reason that the owner gave, as HTML or JSON by Accept', async () => {
    const notice = { code: 'rollout-failed', message: 'The last release <v3> never became healthy.' }
    const { edge } = await routerWith(serviceOf({}, { notice }))
    const page = await ask(edge.port, { headers: { ...edge.headers, ...html } })
    expect(page.status).toBe(503)
    expect(page.headers['content-type']).toMatch(/text\/html/)
    expect(page.body).toContain('The last release &#60;v3&#62; never became healthy.')
    const json = await ask(edge.port, edge)
    expect(json.headers['x-tow-router']).toBe('rollout-failed')
    expect(JSON.parse(json.body).error).toMatchObject(notice)
  })

  test('it refuses connections: 502 that names it', async () => {
    const { edge, records } = await routerWith(serviceOf({ v1: [await freePort()] }))
    const answer = await ask(edge.port, edge)
    expect(answer.status).toBe(502)
    expect(JSON.parse(answer.body).error.message).toBe('missions (stage) accepted no connection.')
    await eventually(() => records[0]).toMatchObject({ status: 502, reason: 'refused', set: 'v1' })
  })

  test('it hangs up: 502; it says nonsense: 502; it takes too long: 504', async () => {
    const { port: appPort, server } = await app((request, response) => {
      if (request.url === '/hang-up') request.socket.destroy()
      else if (request.url === '/nonsense') request.socket.end('BANANA\r\n\r\n')
      else response.on('close', () => {})
    })
    server.keepAliveTimeout = 1
    const { edge, router } = await routerWith(serviceOf({ v1: [appPort] }), { limits: { answerMs: 500 } })
    expect((await ask(edge.port, { ...edge, path: '/hang-up' })).headers['x-tow-router']).toBe('broke')
    expect((await ask(edge.port, { ...edge, path: '/nonsense' })).headers['x-tow-router']).toBe('nonsense')
    const late = await ask(edge.port, { ...edge, path: '/late' })
    expect(late.status).toBe(504)
    expect(late.body).toContain('missions (stage) did not begin to answer within 0.5 s.')
    expect(router.inFlight('stage/missions', 'v1')).toBe(0)
  })

  test('one of its places refuses: another one is asked, also for a request with a body', async () => {
    const { port: appPort } = await app(async (request, response) => response.end(await readAll(request)))
    const { edge } = await routerWith(serviceOf({ v1: [await freePort(), appPort] }))
    for (let turn = 0; turn < 4; turn++) {
      expect(await ask(edge.port, { ...edge, method: 'POST', body: 'x' })).toMatchObject({
        status: 200,
        body: 'x',
      })
    }
  })

  test('a kept connection that the app closed meanwhile is replaced without the client noticing', async () => {
    let served = 0
    const { port: appPort, server } = await app((request, response) => {
      // The second request on a connection meets a closed door, as after an idle time-out.
      if (request.socket.bytesRead > 0 && (request.socket as { used?: boolean }).used)
        request.socket.destroy()
      else {
        ;(request.socket as { used?: boolean }).used = true
        served++
        response.end('ok')
      }
    })
    server.keepAliveTimeout = 60_000
    const { edge } = await routerWith(serviceOf({ v1: [appPort] }))
    for (let turn = 0; turn < 6; turn++) expect((await ask(edge.port, edge)).status).toBe(200)
    expect(served).toBe(6)
  })

  test('a request that must not be sent twice is not, even if its kept connection broke', async () => {
    let seen = 0
    const { port: appPort } = await app((request, response) => {
      const socket = request.socket as { used?: boolean }
      seen++
      if (socket.used) request.socket.destroy()
      else {
        socket.used = true
        response.end('ok')
      }
    })
    const { edge } = await routerWith(serviceOf({ v1: [appPort] }))
    expect((await ask(edge.port, { ...edge, method: 'POST' })).status).toBe(200)
    expect((await ask(edge.port, { ...edge, method: 'POST' })).headers['x-tow-router']).toBe('broke')
    expect(seen).toBe(2)
  })

  test('what an app says on a connection at rest is nobody’s answer', async () => {
    const sockets: Socket[] = []
    const { port: appPort } = await app((request, response) => {
      sockets.push(request.socket)
      response.end(request.url)
    })
    const { edge } = await routerWith(serviceOf({ v1: [appPort] }))
    expect((await ask(edge.port, { ...edge, path: '/first' })).body).toBe('/first')
    sockets[0]!.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison')
    // Sooner than any sweep of connections at rest.
    await expect.poll(() => sockets[0]!.destroyed, { timeout: 2_500 }).toBe(true)
    expect((await ask(edge.port, { ...edge, path: '/second' })).body).toBe('/second')
    expect(sockets[1]).not.toBe(sockets[0])
  })

  test('maintenance answers 503 at the edge while calls between apps go on', async () => {
    const { port: appPort } = await app((_request, response) => response.end('ok'))
    const maintenance = { message: 'Back at noon.' }
    const { edge, router } = await routerWith(serviceOf({ v1: [appPort] }, { maintenance }))
    const answer = await ask(edge.port, edge)
    expect(answer).toMatchObject({ status: 503 })
    expect(answer.body).toContain('Back at noon.')
    const inside = await doors(router, 'inside')
    expect((await ask(inside.port)).body).toBe('ok')
  })
})

describe('limits', () => {
  test('a body beyond the limit gets 413, announced or not', async () => {
    const { port: appPort } = await app(async (request, response) => response.end(await readAll(request)))
    const { edge } = await routerWith(serviceOf({ v1: [appPort] }), { limits: { bodyBytes: 10 } })
    expect((await ask(edge.port, { ...edge, method: 'POST', body: 'x'.repeat(10) })).status).toBe(200)
    expect((await ask(edge.port, { ...edge, method: 'POST', body: 'x'.repeat(11) })).status).toBe(413)
    const request = httpRequest({ ...edge, host: '127.0.0.1', method: 'POST', agent: false }).on(
      'error',
      () => {},
    )
    request.write('x'.repeat(6))
    request.write('x'.repeat(6))
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    expect(answer.statusCode).toBe(413)
    request.destroy()
  })

  test('a head beyond the limit gets 431 and one that never ends 408', async () => {
    const { port } = await routerWith(serviceOf({}), { limits: { headerBytes: 1024, headMs: 200 } })
    const big = `GET / HTTP/1.1\r\nHost: missions.stage.localhost\r\nX-Big: ${'x'.repeat(4096)}\r\n\r\n`
    expect(await rawExchange(port, big)).toMatch(/^HTTP\/1.1 431 /)
    expect(await rawExchange(port, 'GET / HTTP/1.1\r\nHost: mis')).toMatch(/^HTTP\/1.1 408 /)
  })

  test('a body that stalls gets 408', async () => {
    const { port: appPort } = await app((request) => request.resume())
    const { port } = await routerWith(serviceOf({ v1: [appPort] }), { limits: { bodyIdleMs: 50 } })
    const head = 'POST / HTTP/1.1\r\nHost: missions.stage.localhost\r\nContent-Length: 10\r\n\r\nabc'
    expect(await rawExchange(port, head)).toMatch(
      /^HTTP\/1.1 408 [\s\S]*Nothing of the request's body arrived/,
    )
  })
})

describe('listeners', () => {
  test('a port that is taken is refused with the code of the system', async () => {
    const { router, port } = await routerWith(serviceOf({}))
    await expect(router.listenEdge({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })

  test('closing lets the request under way finish, tells its client to close, and frees the port', async () => {
    const asked = Promise.withResolvers<ServerResponse>()
    const { port: appPort } = await app((_request, response) => asked.resolve(response))
    const { router, edge } = await routerWith(serviceOf({ v1: [appPort] }))
    const agent = keepAliveAgent()
    const answer = ask(edge.port, { ...edge, agent })
    const response = await asked.promise
    const closed = router.close()
    response.end('whole')
    expect(await answer).toMatchObject({ body: 'whole', headers: { connection: 'close' } })
    await closed
    await expect(ask(edge.port, edge)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    agent.destroy()
  })
})

test('counts tell requests, errors, bytes and durations of each set', async () => {
  const { port: appPort } = await app(async (request, response) => {
    const body = await readAll(request)
    response.writeHead(request.url === '/bad' ? 500 : 200).end(body)
  })
  const { edge, router } = await routerWith(serviceOf({ v1: [appPort] }))
  await ask(edge.port, { ...edge, method: 'POST', body: '12345' })
  await ask(edge.port, { ...edge, path: '/bad' })
  await eventually(() => router.counts()['stage/missions']!.v1!.requests).toBe(2)
  const counts = router.counts()['stage/missions']!.v1!
  expect(counts).toMatchObject({ errors: 1, cancelled: 0, bytesIn: 5, bytesOut: 5 })
  expect(counts.durations.reduce((sum, count) => sum + count)).toBe(2)
})
