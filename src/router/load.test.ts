import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { createRouter } from './router.ts'
import { ask, at, keepAliveAgent, readAll, serviceOf, startGrpcApp } from './testing.ts'

const HOST = 'missions.stage.localhost'
const SWITCHES = 100

/** An app of one version: plain, slow and streamed answers, an echo over an upgraded connection, and gRPC. */
function startVersion(name: string) {
  const http1 = createServer(async (request, response) => {
    if (request.url === '/slow') setTimeout(() => response.end(name), 15)
    else if (request.url === '/stream') {
      for (let part = 0; part < 5; part++) {
        response.write(`${name};`)
        await new Promise((resolve) => setTimeout(resolve, 3))
      }
      response.end()
    } else response.end(name + (await readAll(request)))
  })
  http1.on('upgrade', (_request, socket: Socket) => {
    socket.on('error', () => {})
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
    socket.pipe(socket)
  })
  return startGrpcApp((stream) => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.on('data', () => stream.write(name))
    stream.on('end', () => stream.end())
  }, http1)
}

async function grpcCall(session: ReturnType<typeof connectHttp2>, messages: number): Promise<string> {
  const headers = {
    ':method': 'POST',
    ':authority': HOST,
    'content-type': 'application/grpc',
    te: 'trailers',
  }
  const stream = session.request(headers)
  let trailers: IncomingHttpHeaders = {}
  stream.on('trailers', (received) => {
    trailers = received
  })
  for (let message = 0; message < messages; message++) {
    stream.write('x')
    await once(stream, 'data')
  }
  stream.end()
  stream.resume()
  await once(stream, 'close')
  return `${trailers['grpc-status']} ${stream.rstCode}`
}

/** Speaks on an upgraded connection until the other side ends it; rejects when there is no handshake. */
async function speak(port: number, isOver: () => boolean): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET /ws HTTP/1.1\r\nHost: ${HOST}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`)
  const [head] = (await once(socket, 'data')) as [Buffer]
  if (!head.toString().startsWith('HTTP/1.1 101')) throw new Error(head.toString())
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  socket.on('data', () => {
    if (isOver()) socket.end()
    else setTimeout(() => socket.write('ping'), 2)
  })
  socket.write('ping')
  await closed
}

test('100 switches under load of keep-alive, posting, slow, streaming, WebSocket and gRPC clients fail no request', {
  timeout: 120_000,
}, async () => {
  const router = createRouter({ limits: { drainStreamsMs: 20 } })
  let current = await startVersion('v0')
  const tell = (ports: Record<string, number[]>, to: string) =>
    router.update({ services: { 'stage/missions': serviceOf(ports, { split: [{ weights: { [to]: 1 } }] }) } })
  tell({ v0: [current.port] }, 'v0')
  const { port } = await router.listenEdge({ host: '127.0.0.1', port: 0 })
  const failures: unknown[] = []
  const done: Record<string, number> = {}
  const progress = new EventEmitter()
  let running = true

  const client = async (name: string, once: () => Promise<unknown>) => {
    while (running) {
      await once().catch((error) => failures.push([name, error]))
      done[name] = (done[name] ?? 0) + 1
      progress.emit('done')
    }
  }
  const agents = Array.from({ length: 5 }, () => keepAliveAgent())
  const http = ['/', '/post', '/slow', '/stream', '/'].map((path, index) =>
    client(path, async () => {
      const post = path === '/post' ? { method: 'POST', body: '!'.repeat(50_000) } : {}
      const answer = await ask(port, { path, headers: { host: HOST }, agent: agents[index]!, ...post })
      const versions = new Set(answer.body.split(/[;!]+/).filter(Boolean))
      if (answer.status !== 200 || versions.size !== 1) throw new Error(JSON.stringify(answer))
      if (answer.headers.connection === 'close') throw new Error('the connection was closed')
    }),
  )
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  const grpc = [1, 6].map((messages) =>
    client('grpc', async () => {
      const status = await grpcCall(session, messages)
      if (status !== '0 0') throw new Error(status)
    }),
  )
  const websocket = client('websocket', () => speak(port, () => !running))

  for (let version = 1; version <= SWITCHES; version++) {
    const before = current
    const [from, to] = [`v${version - 1}`, `v${version}`]
    current = await startVersion(to)
    tell({ [from]: [before.port], [to]: [current.port] }, to)
    expect(await router.drain(at(before.port).id)).toEqual({ left: 0 })
    await before.close()
    tell({ [to]: [current.port] }, to)
    for (let more = 0; more < 5; more++) await once(progress, 'done')
  }
  running = false
  await Promise.all([...http, ...grpc, websocket])
  session.destroy()
  for (const agent of agents) agent.destroy()
  await router.close({ graceMs: 0 })
  await current.close()
  expect(failures).toEqual([])
  expect(Object.keys(done).sort()).toEqual(['/', '/post', '/slow', '/stream', 'grpc', 'websocket'])
  expect(done.websocket).toBeGreaterThan(20)
})
