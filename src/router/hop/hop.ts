/**
 * The router as a hop of its own inside a cluster: it comes up with the table that lies beside it, follows whoever tells
 * it newer ones, and goes on with the last one while nobody does.
 */
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { createRouter, type Listener, type Router } from '../router.ts'
import { documentOf, documentsOf, type HopReport, type HopTable, REPORT_MS } from './protocol.ts'

export interface HopOptions {
  /** Where requests come in. */
  host: string
  ports: { edge: number; health: number; control: number }
  /** What it begins with; null where there is none yet. */
  first: HopTable | null
}

export interface Hop {
  close(options: { graceMs: number }): Promise<void>
}

export async function startHop({ host, ports, first }: HopOptions): Promise<Hop> {
  let told: HopTable | null = null
  let applying: Promise<void> = Promise.resolve()
  const services = new Map<string, { port: number; listener: Listener }>()
  const tellers = new Set<Socket>()
  const router: Router = createRouter({ onWaiting: () => report() })

  /** One after the other, so that listeners and table belong together. */
  function apply(next: HopTable): Promise<void> {
    applying = applying.then(async () => {
      router.update(next.table)
      for (const [service, { port, listener }] of services) {
        if (next.ports[service] === port) continue
        services.delete(service)
        void listener.close()
      }
      for (const [service, port] of Object.entries(next.ports)) {
        if (services.has(service)) continue
        const listener = await router.listenService({ service, door: 'inside', host, port })
        services.set(service, { port, listener })
      }
      for (const [service, { listener }] of services) listener.leave(next.left.includes(service))
      told = next
      report()
    })
    return applying
  }

  function report(): void {
    if (!told) return
    const document = documentOf(reportOf(router, told))
    for (const socket of tellers) if (!socket.writableNeedDrain) socket.write(document)
  }

  const edge = await router.listenEdge({ host, port: ports.edge, behindProxy: true })
  if (first) await apply(first)
  const beat = setInterval(report, REPORT_MS)

  // Only whoever may forward a port into this pod reaches it.
  const control = createServer((socket) => {
    tellers.add(socket)
    socket.on('error', () => {}).on('close', () => tellers.delete(socket))
    report()
    void (async () => {
      for await (const next of documentsOf<HopTable>(socket)) await apply(next)
    })()
      .catch(() => {})
      .finally(() => socket.destroy())
  })
  await new Promise<void>((resolve) => control.listen(ports.control, '127.0.0.1', resolve))

  const health = createHttpServer(({ url }, response) => {
    const isWell = told !== null || url === '/live'
    response.writeHead(isWell ? 200 : 503).end(isWell ? 'ok\n' : 'nobody has told it yet what to route\n')
  })
  await new Promise<void>((resolve) => health.listen(ports.health, host, resolve))

  return {
    async close(options) {
      clearInterval(beat)
      control.close()
      await router.close(options)
      await edge.close()
      for (const socket of tellers) socket.destroy()
      health.close()
      health.closeAllConnections()
    },
  }
}

function reportOf(router: Router, { version, table }: HopTable): HopReport {
  const demand: HopReport['demand'] = {}
  const calls: HopReport['calls'] = {}
  for (const [key, service] of Object.entries(table.services)) {
    const spaces = new Set(Object.values(service.sets).flatMap(({ space }) => space ?? []))
    for (const space of spaces) {
      demand[key] ??= {}
      demand[key][space] = router.demand(key, space)
    }
    for (const space of [null, ...spaces]) {
      const from = router.callsFrom(key, space)
      if (!from) continue
      calls[key] ??= {}
      calls[key][space ?? ''] = from
    }
  }
  return { version, demand, calls }
}
