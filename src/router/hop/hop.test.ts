import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { ask, at, eventually, freePort, keepAliveAgent, serviceOf, startApp } from '../testing.ts'
import { startHop } from './hop.ts'
import { documentOf, documentsOf, type HopReport, type HopTable } from './protocol.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function named(name: string): Promise<number> {
  const app = await startApp((_request, response) => response.end(name))
  ends.push(app.close)
  return app.port
}

async function hopWith(first: HopTable | null) {
  const ports = { edge: await freePort(), health: await freePort(), control: await freePort() }
  const hop = await startHop({ host: '127.0.0.1', ports, first })
  ends.push(() => hop.close({ graceMs: 0 }))
  return ports
}

/** Somebody who tells a hop what to do, and what was heard of it. */
async function teller(port: number) {
  const socket: Socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  ends.push(() => socket.destroy())
  const heard: HopReport[] = []
  void (async () => {
    for await (const report of documentsOf<HopReport>(socket)) heard.push(report)
  })().catch(() => {})
  return { heard, socket, tell: (table: HopTable) => socket.write(documentOf(table)) }
}

function tableOf(version: string, port: number, ports: Record<string, number> = {}): HopTable {
  return { version, table: { services: { 'stage/missions': serviceOf({ v1: [port] }) } }, ports, left: [] }
}

const host = 'missions.stage.localhost'

describe('a hop', () => {
  test('is not ready before it knows what to route', async () => {
    const ports = await hopWith(null)
    expect((await ask(ports.health)).status).toBe(503)
    expect((await ask(ports.health, { path: '/live' })).status).toBe(200)
    const { tell, heard } = await teller(ports.control)
    tell(tableOf('one', await named('first')))
    await eventually(() => heard.at(-1)?.version).toBe('one')
    expect((await ask(ports.health)).status).toBe(200)
    expect((await ask(ports.edge, { headers: { host } })).body).toBe('first')
  })

  test('begins with the table that lies beside it and keeps the last one told when the teller is gone', async () => {
    const ports = await hopWith(tableOf('kept', await named('first')))
    expect((await ask(ports.edge, { headers: { host } })).body).toBe('first')
    const { tell, heard, socket } = await teller(ports.control)
    await eventually(() => heard.at(-1)?.version).toBe('kept')
    tell(tableOf('next', await named('second')))
    await eventually(() => heard.at(-1)?.version).toBe('next')
    socket.destroy()
    expect((await ask(ports.edge, { headers: { host } })).body).toBe('second')
  })

  test('opens a port for each service that it is told, and closes it with the service', async () => {
    const app = await named('first')
    const inside = await freePort()
    const ports = await hopWith(tableOf('one', app, { 'stage/missions': inside }))
    expect((await ask(inside)).body).toBe('first')
    const { tell } = await teller(ports.control)
    // First nobody is led there any more, and whoever keeps a connection is told so.
    tell({ ...tableOf('two', app, { 'stage/missions': inside }), left: ['stage/missions'] })
    const agent = keepAliveAgent()
    await eventually(async () => (await ask(inside, { agent })).headers.connection).toBe('close')
    tell(tableOf('three', app))
    await eventually(() => ask(inside).catch((error) => error.code)).toBe('ECONNREFUSED')
  })

  test('passes on what the Gateway says of the client, and believes nobody who says which space it is from', async () => {
    const app = await startApp((request, response) => response.end(JSON.stringify(request.headers)))
    ends.push(app.close)
    const ports = await hopWith(tableOf('one', app.port))
    const headers = {
      host,
      'x-forwarded-for': '10.1.2.3',
      'x-forwarded-proto': 'https',
      baggage: 'a=1,tow.space=x',
    }
    expect(JSON.parse((await ask(ports.edge, { headers })).body)).toMatchObject({
      'x-forwarded-for': '10.1.2.3, 127.0.0.1',
      'x-forwarded-proto': 'https',
      baggage: 'a=1',
    })
  })

  test('cuts off a teller that talks nonsense, and goes on', async () => {
    const ports = await hopWith(tableOf('one', await named('first')))
    const { socket } = await teller(ports.control)
    socket.write('not JSON\n')
    await once(socket, 'close')
    expect((await ask(ports.edge, { headers: { host } })).body).toBe('first')
  })

  test('tells at once that somebody waits for a set of a space, and when it was last asked', async () => {
    const service = {
      ...serviceOf({ v1: [await named('first')] }),
      sets: { 'mine/v1': { endpoints: [], state: 'asleep' as const, space: 'mine' } },
      split: [{ match: { space: 'mine' }, weights: { 'mine/v1': 1 }, hold: true }],
    }
    const inside = await freePort()
    const table = (version: string, sets = service.sets) => ({
      version,
      table: { services: { 'stage/missions': { ...service, sets } } },
      ports: { 'stage/missions': inside },
      left: [],
    })
    const ports = await hopWith(table('one'))
    const { tell, heard } = await teller(ports.control)
    const asking = ask(inside, { headers: { baggage: 'tow.space=mine' } })
    await eventually(() => heard.at(-1)?.demand['stage/missions']?.mine?.waiting).toBe(1)
    const awake = { endpoints: [at(await named('awake'))], state: 'up' as const, space: 'mine' }
    tell(table('two', { 'mine/v1': awake } as never))
    expect((await asking).body).toBe('awake')
    await eventually(() => heard.at(-1)?.demand['stage/missions']?.mine?.waiting).toBe(0)
    expect(heard.at(-1)?.demand['stage/missions']?.mine?.lastAskedAt).toBeGreaterThan(0)
  })
})
