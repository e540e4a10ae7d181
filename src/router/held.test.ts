import { describe, expect, test } from 'vitest'
import type { Service, ServiceSet } from './router.ts'
import { app, doors, routerWith } from './test-router.ts'
import { ask, at, eventually, freePort, readAll, serviceOf, startApp } from './testing.ts'

const HOST = 'missions--mine.stage.localhost'
const headers = { host: HOST }

/** The environment's own set, and what the spaces have. */
async function over(spaces: Record<string, ServiceSet>, change: Partial<Service> = {}): Promise<Service> {
  const base = await app((_request, response) => response.end('stage'))
  const names = Object.keys(spaces)
  return serviceOf(
    {},
    {
      sets: {
        v1: { endpoints: [at(base.port)] },
        ...Object.fromEntries(names.map((space) => [`${space}/1`, { ...spaces[space]!, space }])),
      },
      spaces: Object.fromEntries(
        names.map((space) => [space, { hosts: [`missions--${space}.stage.localhost`] }]),
      ),
      split: [
        ...names.map((space) => ({ match: { space }, weights: { [`${space}/1`]: 1 }, hold: true })),
        { weights: { v1: 1 } },
      ],
      ...change,
    },
  )
}

const asleep: ServiceSet = { endpoints: [], state: 'asleep' }

describe('a copy that is between two lives', () => {
  test('is waited for where it refuses, with the whole body, which reaches it once', async () => {
    const port = await freePort()
    const told: string[] = []
    const { router, port: edge } = await routerWith(await over({ mine: { endpoints: [at(port)] } }), {
      onWaiting: (name, space) => told.push(`${name} ${space}`),
    })
    const answer = ask(edge, { method: 'POST', headers, body: 'x'.repeat(300_000) })
    await eventually(() => router.demand('stage/missions', 'mine').waiting).toBe(1)
    const lengths: number[] = []
    const back = await startApp(async (request, response) => {
      lengths.push((await readAll(request)).length)
      response.end('back')
    }, port)
    try {
      expect((await answer).body).toBe('back')
      expect(lengths).toEqual([300_000])
      expect(router.demand('stage/missions', 'mine').waiting).toBe(0)
      // Nobody has to wake it.
      expect(told).toEqual([])
    } finally {
      await back.close()
    }
  })

  test('is asked again for what it had not answered when it died, if that does no harm; a few times, and never else', async () => {
    const asked: string[] = []
    const dying = await app((request) => {
      asked.push(request.method!)
      request.socket.destroy()
    })
    const { port } = await routerWith(await over({ mine: { endpoints: [at(dying.port)] } }))
    expect((await ask(port, { headers })).status).toBe(502)
    expect(asked).toEqual(['GET', 'GET', 'GET', 'GET'])
    expect((await ask(port, { method: 'POST', headers, body: 'x' })).status).toBe(502)
    expect((await ask(port, { method: 'PUT', headers, body: 'x' })).status).toBe(502)
    expect(asked).toEqual(['GET', 'GET', 'GET', 'GET', 'POST', 'PUT'])
  })

  test('that has crashed is tried where it has a place, and answers as soon as it is mended', async () => {
    const endpoint = at(await freePort())
    const { port } = await routerWith(await over({ mine: { endpoints: [endpoint], state: 'crashed' } }))
    expect(await ask(port, { headers })).toMatchObject({
      status: 503,
      body: expect.stringContaining('has crashed in the space mine'),
    })
    const mended = await startApp((_request, response) => response.end('mended'), endpoint.port)
    try {
      expect(await ask(port, { headers })).toMatchObject({ status: 200, body: 'mended' })
    } finally {
      await mended.close()
    }
  })

  test('that crashes while somebody waits is told at once, with its space and what is wrong', async () => {
    const service = await over({ mine: { endpoints: [], state: 'starting' } })
    const { router, port, set } = await routerWith(service)
    const answer = ask(port, { headers })
    await eventually(() => router.demand('stage/missions', 'mine').waiting).toBe(1)
    const crashed: ServiceSet = { endpoints: [], state: 'crashed', space: 'mine', problem: 'web.1 exited' }
    set({ ...service, sets: { ...service.sets, 'mine/1': crashed } })
    const { status, body } = await answer
    expect(status).toBe(503)
    expect(JSON.parse(body).error).toMatchObject({
      code: 'crashed',
      message: 'missions (stage) has crashed in the space mine: web.1 exited.',
    })
  })

  test('says on a page that it sleeps, once the time of waiting is over, and the page asks again', async () => {
    const { port } = await routerWith(await over({ mine: asleep }), { limits: { holdMs: 20 } })
    const { status, body } = await ask(port, { headers: { ...headers, accept: 'text/html' } })
    expect(status).toBe(503)
    expect(body).toContain('missions (stage) sleeps in the space mine')
    expect(body).toContain('<meta http-equiv="refresh"')
  })

  test('lets those who wait fall through once it is gone, and not before', async () => {
    const service = await over({ mine: asleep })
    const { router, set } = await routerWith(service)
    const { port } = await doors(router, 'inside')
    const answer = ask(port, { headers: { baggage: 'tow.space=mine' } })
    await eventually(() => router.demand('stage/missions', 'mine').waiting).toBe(1)
    set({ ...service, sets: { v1: service.sets.v1! }, spaces: {}, split: [{ weights: { v1: 1 } }] })
    expect((await answer).body).toBe('stage')
  })

  test('is waited for under a swap too, until the swap ends by itself', async () => {
    const until = Date.now() + 100
    const service = await over({ mine: asleep })
    service.split.splice(1, 0, { weights: { 'mine/1': 1 }, hold: true, until })
    const { edge } = await routerWith(service)
    expect((await ask(edge.port, edge)).body).toBe('stage')
    expect(Date.now()).toBeGreaterThanOrEqual(until)
  })
})

describe('what a space asks for', () => {
  test('is told with the first that waits, and counted until it is answered or left', async () => {
    const told: string[] = []
    const clock = { time: 5_000, now: () => clock.time }
    const copy = await app((_request, response) => response.end('mine'))
    const service = await over({ mine: asleep, other: asleep })
    const { router, port, set } = await routerWith(service, {
      clock,
      onWaiting: (name, space) => told.push(`${name} ${space}`),
    })
    expect(router.demand('stage/missions', 'mine')).toEqual({ lastAskedAt: null, waiting: 0 })
    const answers = [ask(port, { headers }), ask(port, { headers })]
    await eventually(() => router.demand('stage/missions', 'mine').waiting).toBe(2)
    expect(router.demand('stage/missions', 'mine').lastAskedAt).toBe(5_000)
    expect(router.demand('stage/missions', 'other')).toEqual({ lastAskedAt: null, waiting: 0 })
    clock.time = 9_000
    set({
      ...service,
      sets: { ...service.sets, 'mine/1': { endpoints: [at(copy.port)], space: 'mine' } },
    })
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['mine', 'mine'])
    await eventually(() => router.demand('stage/missions', 'mine')).toEqual({
      lastAskedAt: 9_000,
      waiting: 0,
    })
    expect(told).toEqual(['stage/missions mine'])
  })

  test('lives on over a new set of the space, and ends with the space', async () => {
    const copy = await app((_request, response) => response.end('mine'))
    const service = await over({ mine: { endpoints: [at(copy.port)] } })
    const { router, port, set } = await routerWith(service)
    await ask(port, { headers })
    const before = router.demand('stage/missions', 'mine').lastAskedAt
    expect(before).not.toBeNull()
    set({ ...service, sets: { ...service.sets, 'mine/2': { endpoints: [], space: 'mine' } } })
    expect(router.demand('stage/missions', 'mine').lastAskedAt).toBeGreaterThanOrEqual(before!)
    set({ ...service, sets: { v1: service.sets.v1! } })
    expect(router.demand('stage/missions', 'mine').lastAskedAt).toBeNull()
  })

  test('does not take the places of others who wait', async () => {
    const service = await over({ mine: asleep, other: asleep })
    const { router, port, set } = await routerWith(service, { limits: { holdRequests: 1 } })
    const [mine, other] = ['mine', 'other'].map((space) =>
      ask(port, { headers: { host: `missions--${space}.stage.localhost` } }),
    )
    await eventually(() => router.demand('stage/missions', 'other').waiting).toBe(1)
    await eventually(() => router.demand('stage/missions', 'mine').waiting).toBe(1)
    expect(JSON.parse((await ask(port, { headers })).body).error.code).toBe('too-many-wait')
    set({ ...service, split: [{ weights: { v1: 1 } }] })
    expect([(await mine!).body, (await other!).body]).toEqual(['stage', 'stage'])
  })
})
