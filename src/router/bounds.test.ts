import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { app, routerWith } from './test-router.ts'
import { ask, eventually, readAll, serviceOf, startGrpcApp } from './testing.ts'

const GET = 'GET / HTTP/1.1\r\nHost: missions.stage.localhost\r\n\r\n'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A socket that is gone with its test; resolves once connected. */
async function client(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  ends.push(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

/** A port whose process sleeps: the system takes a few connections for it, and then leaves the next without an answer. */
async function portAsleep(): Promise<number> {
  const script = `require('node:net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () {
    require('node:fs').writeSync(1, String(this.address().port))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  })`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  ends.push(() => child.kill('SIGKILL'))
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  const port = Number(said)
  for (let waiting = 0; waiting < 8; waiting++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    ends.push(() => socket.destroy())
  }
  return port
}

describe('bounds towards the app', () => {
  test('a place that does not accept in time gets 504 that says so; another place of the set is asked first', async () => {
    const asleep = await portAsleep()
    const { edge, set, router } = await routerWith(serviceOf({ v1: [asleep] }), {
      limits: { connectMs: 300 },
    })
    const answer = await ask(edge.port, edge)
    expect(answer.status).toBe(504)
    expect(answer.headers['x-tow-router']).toBe('connect-timeout')
    expect(answer.body).toContain('missions (stage) accepted no connection within 0.3 s.')
    expect(router.inFlight('stage/missions', 'v1')).toBe(0)
    const awake = await app((_request, response) => response.end('awake'))
    set(serviceOf({ v1: [asleep, awake.port] }))
    for (let turn = 0; turn < 3; turn++) expect((await ask(edge.port, edge)).body).toBe('awake')
  })

  test('clients that come and go share the connections that are kept to an app', async () => {
    const sockets = new Set<Socket>()
    const { port } = await app((request, response) => response.end(String(sockets.add(request.socket).size)))
    const { edge } = await routerWith(serviceOf({ v1: [port] }))
    for (let turn = 0; turn < 20; turn++) await ask(edge.port, edge)
    expect(sockets.size).toBe(1)
    await Promise.all(Array.from({ length: 300 }, () => ask(edge.port, edge)))
    expect(sockets.size).toBeGreaterThan(1)
    await eventually(() => [...sockets].filter((socket) => !socket.destroyed).length).toBeLessThanOrEqual(128)
  })
})

describe('bounds towards clients', () => {
  test('a connection at rest is closed after its time, over HTTP/1 and HTTP/2, and none that is in use', async () => {
    const { port: appPort } = await app((request, response) => {
      if (request.url !== '/slow') return response.end('ok')
      response.write('a')
      setTimeout(() => response.end('b'), 1_500)
    })
    const { port, edge } = await routerWith(serviceOf({ v1: [appPort] }), { limits: { clientIdleMs: 200 } })
    const slow = ask(port, { ...edge, path: '/slow' })
    const socket = await client(port)
    socket.write(GET)
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    ends.push(() => session.destroy())
    const stream = session.request({ ':path': '/', ':authority': 'missions.stage.localhost' })
    stream.resume()
    await Promise.all([once(socket.resume(), 'close'), once(session, 'close'), once(stream, 'end')])
    expect((await slow).body).toBe('ab')
  })

  test('connections beyond the number allowed are closed unheard, and there is room again once one is gone', async () => {
    const { port: appPort } = await app((_request, response) => response.end('ok'))
    const { port, edge } = await routerWith(serviceOf({ v1: [appPort] }), { limits: { connections: 2 } })
    const [one, two] = [await client(port), await client(port)]
    for (const socket of [one, two]) {
      socket.write(GET)
      expect(String((await once(socket, 'data'))[0])).toMatch(/^HTTP\/1.1 200 /)
    }
    const third = await client(port)
    const heard: Buffer[] = []
    third.on('data', (chunk) => heard.push(chunk)).write(GET)
    await once(third, 'close')
    expect(heard).toEqual([])
    one.destroy()
    await expect
      .poll(() =>
        ask(port, edge).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200)
  })

  test('a client that takes nothing of its answer is cut off in the end, and the app is told', async () => {
    const gone = Promise.withResolvers<void>()
    const { port: appPort } = await app((_request, response) => {
      const chunk = Buffer.alloc(256 * 1024)
      const more = () => {
        while (!response.destroyed && response.write(chunk));
      }
      response.on('drain', more).on('close', () => gone.resolve())
      more()
    })
    const { port, records } = await routerWith(serviceOf({ v1: [appPort] }), { limits: { stalledMs: 300 } })
    const socket = await client(port)
    socket.pause()
    socket.write(GET)
    await gone.promise
    await eventually(() => records[0]).toMatchObject({ reason: 'client-stalled', set: 'v1' })
  })

  test('an answer can begin and go on while the body is still on its way', async () => {
    const { port: appPort } = await app((request, response) => request.pipe(response))
    const { edge } = await routerWith(serviceOf({ v1: [appPort] }))
    const request = httpRequest({ ...edge, host: '127.0.0.1', method: 'POST', agent: false })
    request.write('one')
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    expect(String((await once(answer, 'data'))[0])).toBe('one')
    request.write('two')
    expect(String((await once(answer, 'data'))[0])).toBe('two')
    request.end('three')
    expect(await readAll(answer)).toBe('three')
  })
})

describe('failures by what the client reads', () => {
  const failing: [number, string, number[]][] = [
    [502, 'refused', [1]],
    [503, 'nothing-serves', []],
    [504, 'timeout', [2]],
  ]
  test.each(failing)(
    '%i %s: a page for browsers, JSON for others, a status for gRPC',
    async (status, code, ports) => {
      const silent = await startGrpcApp(() => {}, createServer())
      ends.push(silent.close)
      // Port 1 of loopback serves nobody.
      const places = ports.map((port) => (port === 2 ? silent.port : port))
      const { edge, port } = await routerWith(serviceOf(places.length ? { v1: places } : {}), {
        limits: { answerMs: 200 },
      })
      const page = await ask(port, { headers: { ...edge.headers, accept: 'text/html,*/*' } })
      expect(page).toMatchObject({ status, headers: { 'x-tow-router': code, 'cache-control': 'no-store' } })
      expect(page.headers['content-type']).toBe('text/html; charset=utf-8')
      const json = await ask(port, edge)
      expect(json.status).toBe(status)
      expect(JSON.parse(json.body).error).toMatchObject({ code, requestId: json.headers['x-request-id'] })
      const session = connectHttp2(`http://127.0.0.1:${port}`)
      ends.push(() => session.destroy())
      const stream = session.request({
        ':method': 'POST',
        ':path': '/a.B/C',
        ':authority': 'missions.stage.localhost',
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      stream.end()
      const [headers] = await once(stream, 'response')
      // UNAVAILABLE, or DEADLINE_EXCEEDED where time ran out.
      expect(headers).toMatchObject({ ':status': 200, 'grpc-status': status === 504 ? '4' : '14' })
    },
  )
})
