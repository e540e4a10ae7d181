import { connect } from 'node:http2'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRouter, type Endpoint, type Service } from './router.ts'
import { type App, ask, eventually, keepAliveAgent, readAll, serviceOf, startApp } from './testing.ts'

/** Apps run throughout; what changes at random is which of them the table names, under which weights. */
const apps: App[] = []
beforeAll(async () => {
  for (let index = 0; index < 4; index++) {
    apps.push(
      await startApp(async (request, response) => {
        const body = await readAll(request)
        const { url = '' } = request
        if (url === '/slow') await new Promise((resolve) => setTimeout(resolve, 8))
        response.end(`${index}:${body.length}`)
      }),
    )
  }
})
afterAll(async () => {
  for (const app of apps) await app.close()
})

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('ask' as const), path: fc.constantFrom('/', '/slow') }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('post' as const), size: fc.nat(200_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('ask2' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('move' as const),
      // For each app: in which set it runs, or in none.
      places: fc.array(fc.constantFrom('v1', 'v2', null), { minLength: 4, maxLength: 4 }),
      weights: fc.record({ v1: fc.integer({ min: 1, max: 9 }), v2: fc.integer({ min: 0, max: 9 }) }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('pause' as const), ms: fc.nat(4) }) },
)

test('whatever the table does, no request fails, none reaches a drained place, and nothing stays behind', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const drainedAt = new Map<string, number>()
      const late: string[] = []
      let clock = 0
      const router = createRouter({
        // A clock that counts readings: what came later has the larger number.
        clock: { now: () => ++clock },
        onDone: ({ endpoint, at }) => {
          if (at > (drainedAt.get(endpoint!) ?? Number.POSITIVE_INFINITY)) late.push(endpoint!)
        },
      })
      let turn = 0
      let named = new Map<number, { set: string; endpoint: Endpoint }>()
      const drains: Promise<{ left: number }>[] = []

      const move = (places: (string | null)[], weights: Record<string, number>) => {
        // A table that could serve nobody is another story.
        const wanted = places.some((set) => set && weights[set]! > 0) ? places : ['v1', ...places.slice(1)]
        const next = new Map<number, { set: string; endpoint: Endpoint }>()
        const sets: Service['sets'] = { v1: { endpoints: [] }, v2: { endpoints: [] } }
        for (const [index, set] of wanted.entries()) {
          if (!set) continue
          const before = named.get(index)
          const endpoint =
            before?.set === set
              ? before.endpoint
              : { id: `${index}-${turn++}`, host: '127.0.0.1', port: apps[index]!.port }
          next.set(index, { set, endpoint })
          sets[set]!.endpoints.push(endpoint)
        }
        const leaving = [...named.values()].filter(
          ({ endpoint }) => ![...next.values()].some((one) => one.endpoint === endpoint),
        )
        named = next
        const service = { ...serviceOf({}), sets, split: [{ weights }] }
        for (const { endpoint } of leaving) {
          drainedAt.set(endpoint.id, ++clock)
          drains.push(router.drain(endpoint.id))
        }
        router.update({ services: { 'stage/missions': service } })
      }
      move(['v1', null, null, null], { v1: 1, v2: 0 })
      const { port } = await router.listenEdge({ host: '127.0.0.1', port: 0 })
      const headers = { host: 'missions.stage.localhost' }
      const agent = keepAliveAgent(6)
      const session = connect(`http://127.0.0.1:${port}`)
      const answers: Promise<{ status: number; body: string; size: number }>[] = []
      for (const one of steps) {
        if (one.kind === 'move') move(one.places, one.weights)
        else if (one.kind === 'pause') await new Promise((resolve) => setTimeout(resolve, one.ms))
        else if (one.kind === 'ask') {
          answers.push(
            ask(port, { path: one.path, headers, agent }).then((answer) => ({ ...answer, size: 0 })),
          )
        } else if (one.kind === 'post') {
          const body = Buffer.alloc(one.size)
          const posted = ask(port, { method: 'POST', headers, agent, body })
          answers.push(posted.then((answer) => ({ ...answer, size: one.size })))
        } else {
          const stream = session.request({ ':authority': headers.host, ':path': '/slow' })
          answers.push(
            new Promise((resolve, reject) => {
              let status = 0
              let body = ''
              stream.setEncoding('latin1')
              stream.on('response', (head) => {
                status = Number(head[':status'])
              })
              stream.on('data', (chunk) => {
                body += chunk
              })
              stream.on('end', () => resolve({ status, body, size: 0 }))
              stream.on('error', reject)
            }),
          )
        }
      }
      for (const { status, body, size } of await Promise.all(answers)) {
        expect(status).toBe(200)
        expect(body).toMatch(new RegExp(`^\\d:${size}$`))
      }
      for (const result of await Promise.all(drains)) expect(result).toEqual({ left: 0 })
      expect(late).toEqual([])
      await eventually(() => router.inFlight('stage/missions', 'v1')).toBe(0)
      expect(router.inFlight('stage/missions', 'v2')).toBe(0)
      session.destroy()
      agent.destroy()
      await router.close({ graceMs: 0 })
    }),
    { numRuns: 25 },
  )
})
