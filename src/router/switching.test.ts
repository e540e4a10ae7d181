import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createRouter, type RouterOptions, type Service } from './router.ts'
import { ask, at, eventually, freePort, readAll, serviceOf, startApp } from './testing.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function named(name: string) {
  const app = await startApp((_request, response) => response.end(name))
  ends.push(app.close)
  return app.port
}

async function routerWith(service: Service, options: RouterOptions = {}) {
  const router = createRouter(options)
  ends.push(() => router.close({ graceMs: 0 }))
  const set = (next: Service) => router.update({ services: { 'stage/missions': next } })
  set(service)
  const edge = await router.listenEdge({ host: '127.0.0.1', port: 0 })
  const inside = await router.listenService({
    service: 'stage/missions',
    door: 'inside',
    host: '127.0.0.1',
    port: 0,
  })
  const get = async (headers: Record<string, string> = {}, host = 'missions.stage.localhost') =>
    (await ask(edge.port, { headers: { host, ...headers } })).body
  return { router, set, get, edgePort: edge.port, insidePort: inside.port }
}

async function tally(count: number, get: () => Promise<string>): Promise<Record<string, number>> {
  const seen: Record<string, number> = {}
  for (let turn = 0; turn < count; turn++) {
    const name = await get()
    seen[name] = (seen[name] ?? 0) + 1
  }
  return seen
}

describe('sharing', () => {
  test('weights of 90 and 10 give exactly 90 and 10 of 100 requests, also while the table is told again', async () => {
    const sets = { v1: [await named('v1')], v2: [await named('v2')] }
    const service = serviceOf(sets, { split: [{ weights: { v1: 90, v2: 10 } }] })
    const { get, set } = await routerWith(service)
    const seen = await tally(100, () => {
      set(structuredClone(service))
      return get()
    })
    expect(seen).toEqual({ v1: 90, v2: 10 })
  })

  test('a weight of 0 gets nothing, and a set without a ready place leaves its share to the others', async () => {
    const sets = { v1: [await named('v1')], v2: [await named('v2')], v3: [] }
    const { get } = await routerWith(serviceOf(sets, { split: [{ weights: { v1: 1, v2: 0, v3: 50 } }] }))
    expect(await tally(10, get)).toEqual({ v1: 10 })
  })

  test('places of one set take turns, and the busy one is spared', async () => {
    const blocked = Promise.withResolvers<ServerResponse>()
    const slow = await startApp((_request, response) => blocked.resolve(response))
    ends.push(slow.close)
    const { get } = await routerWith(serviceOf({ v1: [slow.port, await named('a'), await named('b')] }))
    const first = get()
    const response = await blocked.promise
    expect(await tally(6, get)).toEqual({ a: 3, b: 3 })
    response.end('slow')
    expect(await first).toBe('slow')
  })

  test('a rule ends by itself at its time, with nobody telling the router', async () => {
    const clock = { time: 1_000, now: () => clock.time }
    const sets = { v1: [await named('v1')], v2: [await named('v2')] }
    const split = [{ weights: { v2: 1 }, until: 2_000 }, { weights: { v1: 1 } }]
    const { get } = await routerWith(serviceOf(sets, { split }), { clock })
    expect(await get()).toBe('v2')
    clock.time = 2_000
    expect(await get()).toBe('v1')
  })

  test('sticky by header: one value always meets one set, and raising a weight moves values to that set only', async () => {
    const sets = { v1: [await named('v1')], v2: [await named('v2')] }
    const rule = (v2: number) =>
      serviceOf(sets, { split: [{ weights: { v1: 10, v2 }, sticky: { header: 'X-User' } }] })
    const { get, set } = await routerWith(rule(2))
    const users = Array.from({ length: 60 }, (_, user) => `user-${user}`)
    const meet = async () => Promise.all(users.map((user) => get({ 'x-user': user })))
    const before = await meet()
    expect(await meet()).toEqual(before)
    expect(new Set(before)).toEqual(new Set(['v1', 'v2']))
    set(rule(10))
    const after = await meet()
    expect(before.every((name, user) => name === 'v1' || after[user] === 'v2')).toBe(true)
    expect(after.filter((name) => name === 'v2').length).toBeGreaterThan(
      before.filter((name) => name === 'v2').length,
    )
  })

  test('sticky by cookie: the first answer sets it, later requests keep their set', async () => {
    const sets = { v1: [await named('v1')], v2: [await named('v2')] }
    const split = [{ weights: { v1: 1, v2: 1 }, sticky: { cookie: 'lane' } }]
    const { get, edgePort } = await routerWith(serviceOf(sets, { split }))
    const host = 'missions.stage.localhost'
    const first = await ask(edgePort, { headers: { host } })
    const cookie = first.headers['set-cookie']![0]!.split(';')[0]!
    expect(cookie).toMatch(/^lane=/)
    expect(await tally(10, () => get({ cookie: `other=1; ${cookie}` }))).toEqual({ [first.body]: 10 })
    const again = await ask(edgePort, { headers: { host, cookie } })
    expect(again.headers['set-cookie']).toBeUndefined()
  })
})

describe('spaces', () => {
  async function withSpace(over: Partial<Service> = {}) {
    const sets = { v1: [await named('v1')], 'v2.mine': [await named('mine')] }
    const service = serviceOf(sets, {
      spaces: { mine: { hosts: ['missions--mine.stage.localhost'] } },
      split: [{ match: { space: 'mine' }, weights: { 'v2.mine': 1 } }, { weights: { v1: 1 } }],
      ...over,
    })
    const started = await routerWith(service)
    const inside = async (baggage: string) => (await ask(started.insidePort, { headers: { baggage } })).body
    return { ...started, inside, service }
  }

  test('inside, the baggage decides; an unknown space and malformed baggage fall through to the environment', async () => {
    const { inside } = await withSpace()
    expect(await inside('tow.space=mine')).toBe('mine')
    expect(await inside('a=b;tow.space=other, tow.space = mine ;x=1')).toBe('mine')
    for (const other of [
      'tow.space=theirs',
      'a=tow.space=mine',
      'tow.space=%zz',
      'tow.space=mine,tow.space=v1',
    ]) {
      expect(await inside(other)).toBe('v1')
    }
  })

  test('at the edge, only the name that was called decides', async () => {
    const { get } = await withSpace()
    expect(await get({ baggage: 'tow.space=mine' })).toBe('v1')
    expect(await get({}, 'missions--mine.stage.localhost')).toBe('mine')
    expect(await get({ baggage: 'tow.space=theirs' }, 'missions--mine.stage.localhost')).toBe('mine')
  })

  test("a space whose set crashed answers 503 with the space's name, never with the environment's set", async () => {
    const { inside, service, set } = await withSpace()
    set({ ...service, sets: { ...service.sets, 'v2.mine': { endpoints: [], state: 'crashed' } } })
    const body = await inside('tow.space=mine')
    expect(JSON.parse(body).error).toMatchObject({
      code: 'crashed',
      message: 'missions (stage) has crashed in the space mine.',
    })
  })
})

describe('requests that wait', () => {
  const held = (ports: number[]) => serviceOf({ v1: ports }, { split: [{ weights: { v1: 1 }, hold: true }] })

  test('a request waits for the set to come up, its body whole', async () => {
    const app = await startApp(async (request, response) => response.end(await readAll(request)))
    ends.push(app.close)
    const { set, edgePort } = await routerWith(held([]))
    const host = 'missions.stage.localhost'
    const answer = ask(edgePort, { method: 'POST', headers: { host }, body: 'x'.repeat(100_000) })
    await ask(edgePort, { headers: { host: 'other' } })
    set(held([app.port]))
    expect((await answer).body.length).toBe(100_000)
  })

  test('while the only process restarts, requests that it refuses wait for it', async () => {
    const port = await freePort()
    const { get, router } = await routerWith(held([port]))
    const answer = get()
    await eventually(() => router.inFlight('stage/missions', 'v1')).toBe(0)
    const app = await startApp((_request, response) => response.end('back'), port)
    ends.push(app.close)
    expect(await answer).toBe('back')
  })

  test('waiting is bounded in time and in number', async () => {
    const { get, edgePort } = await routerWith(held([]), { limits: { holdMs: 1_000, holdRequests: 1 } })
    const first = get()
    const second = await ask(edgePort, { headers: { host: 'missions.stage.localhost' } })
    expect(second.status).toBe(503)
    expect(JSON.parse(second.body).error.code).toBe('too-many-wait')
    expect(JSON.parse(await first).error.code).toBe('waited-too-long')
  })

  test('waiting ends with the rule that allowed it, with nobody telling the router', async () => {
    const until = Date.now() + 50
    const split = [{ weights: { v1: 1 }, hold: true, until }, { weights: { v2: 1 } }]
    const { get } = await routerWith(serviceOf({ v1: [], v2: [await named('v2')] }, { split }))
    expect(await get()).toBe('v2')
    expect(Date.now()).toBeGreaterThanOrEqual(until)
  })

  test('a client that leaves while it waits is forgotten', async () => {
    const { edgePort, router, set } = await routerWith(held([]))
    const request = httpRequest({ port: edgePort, headers: { host: 'missions.stage.localhost' } })
    request.on('error', () => {})
    request.end()
    await once(request, 'finish')
    await ask(edgePort, { headers: { host: 'other' } })
    request.destroy()
    await new Promise((resolve) => request.once('close', resolve))
    await ask(edgePort, { headers: { host: 'other' } })
    set(held([await named('v1')]))
    expect(router.counts()['stage/missions']!.v1!.requests).toBe(0)
  })
})

describe('draining', () => {
  test('new requests go to the new set at once, those under way finish where they are', async () => {
    const asked = Promise.withResolvers<ServerResponse>()
    const old = await startApp((_request, response) => asked.resolve(response))
    ends.push(old.close)
    const next = await named('v2')
    const { get, set, router } = await routerWith(serviceOf({ v1: [old.port] }))
    const before = get()
    const response = await asked.promise
    set(serviceOf({ v1: [old.port], v2: [next] }, { split: [{ weights: { v2: 1 } }] }))
    let isDrained = false
    const drained = router.drain(at(old.port).id).then((result) => {
      isDrained = true
      return result
    })
    expect(await get()).toBe('v2')
    expect(isDrained).toBe(false)
    response.end('v1')
    expect(await before).toBe('v1')
    expect(await drained).toEqual({ left: 0 })
    expect(router.inFlight('stage/missions', 'v1')).toBe(0)
  })

  test('an endpoint that drains gets no new request even while the table still names it', async () => {
    const [one, two] = [await named('one'), await named('two')]
    const service = serviceOf({ v1: [one, two] })
    const { get, set, router } = await routerWith(service)
    await router.drain(at(one).id)
    set(service)
    expect(await tally(4, get)).toEqual({ two: 4 })
  })

  test('a drain that takes too long tells how many are left and cuts none of them', async () => {
    const asked = Promise.withResolvers<ServerResponse>()
    const old = await startApp((_request, response) => asked.resolve(response))
    ends.push(old.close)
    const { get, router } = await routerWith(serviceOf({ v1: [old.port] }))
    const answer = get()
    const response = await asked.promise
    expect(await router.drain(at(old.port).id, { withinMs: 20 })).toEqual({ left: 1 })
    response.end('whole')
    expect(await answer).toBe('whole')
  })

  test('a stream whose answer begins after the time of streams is ended at once', async () => {
    const late = new Map<string, ServerResponse | Socket>()
    const app = await startApp((request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      if (request.url === '/first') response.write('data: 1\n\n')
      else late.set('events', response)
    })
    ends.push(app.close)
    app.server.on('upgrade', (_request: IncomingMessage, socket: Socket) => late.set('upgrade', socket))
    const { router, edgePort } = await routerWith(serviceOf({ v1: [app.port] }), {
      limits: { drainStreamsMs: 30 },
    })
    const headers = { host: 'missions.stage.localhost' }
    const first = ask(edgePort, { headers, path: '/first' })
    const events = ask(edgePort, { headers, path: '/late' })
    const socket = connect(edgePort, '127.0.0.1')
    socket.write(`GET / HTTP/1.1\r\nHost: ${headers.host}\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`)
    await eventually(() => late.size + router.streams('stage/missions', 'v1')).toBe(3)
    const drained = router.drain(at(app.port).id)
    await first
    ;(late.get('events') as ServerResponse).write('data: 2\n\n')
    late
      .get('upgrade')!
      .write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n' as never)
    expect(await events).toMatchObject({ status: 200 })
    await once(socket.resume(), 'close')
    expect(await drained).toEqual({ left: 0 })
  })

  test('event streams end whole and upgraded connections close when their time is up', async () => {
    const app = await startApp((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
    })
    ends.push(app.close)
    app.server.on('upgrade', (_request: IncomingMessage, socket: Socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')
      socket.on('data', () => {})
    })
    const { router, edgePort } = await routerWith(serviceOf({ v1: [app.port] }), {
      limits: { drainStreamsMs: 30 },
    })
    const host = 'missions.stage.localhost'
    const request = httpRequest({ port: edgePort, headers: { host } }).end()
    const [answer] = (await once(request, 'response')) as [IncomingMessage]
    const socket = connect(edgePort, '127.0.0.1')
    socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n`)
    await once(socket, 'data')
    const drained = router.drain(at(app.port).id)
    expect(await readAll(answer)).toBe('data: 1\n\n')
    expect(answer.complete).toBe(true)
    await once(socket, 'close')
    expect(await drained).toEqual({ left: 0 })
  })
})
