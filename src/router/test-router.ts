/** A router and apps for one test each. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach } from 'vitest'
import { createRouter, type RequestRecord, type Router, type RouterOptions, type Service } from './router.ts'
import { type App, startApp } from './testing.ts'

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** An app that ends with its test; one that throws breaks its connection. */
export async function app(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<App> {
  const started = await startApp(async (request, response) => {
    try {
      await answer(request, response)
    } catch {
      response.destroy()
    }
  })
  ends.push(started.close)
  return started
}

/** A router that ends with its test, before one service, at the shared edge. */
export async function routerWith(service: Service, options: RouterOptions = {}) {
  const records: RequestRecord[] = []
  const router = createRouter({ onDone: (record) => records.push(record), ...options })
  ends.push(() => router.close({ graceMs: 0 }))
  router.update({ services: { 'stage/missions': service } })
  const { port } = await router.listenEdge({ host: '127.0.0.1', port: 0 })
  const edge = { port, headers: { host: `missions.stage.localhost:${port}` } }
  return {
    router,
    records,
    port,
    edge,
    set: (next: Service) => router.update({ services: { 'stage/missions': next } }),
  }
}

/** Opens a port of the one service. */
export const doors = (router: Router, door: 'edge' | 'inside') =>
  router.listenService({ service: 'stage/missions', door, host: '127.0.0.1', port: 0 })
