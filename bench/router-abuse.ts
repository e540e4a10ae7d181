/**
 * What clients can do to the router at worst: 10,000 idle connections, 1,000 heads that dribble and never end, 100
 * large answers that nobody reads, HTTP/2 streams that are reset as soon as they are opened, bodies of 1 GB. Memory must stay
 * bounded and others must be served meanwhile. `node bench/router-abuse.ts`
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import { connect as connectHttp2, constants } from 'node:http2'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { ROUTER_FLAGS } from '../src/router/flags.ts'
import { createRouter } from '../src/router/router.ts'
import { load, percentile } from './router/load.ts'

const HOST = 'missions.stage.localhost'
const HEAD_MS = 5_000
const GIGABYTE = 1024 ** 3
const LARGE_BYTES = 10 * 1024 ** 2
const RESETS = 50_000
const self = fileURLToPath(import.meta.url)

/** A process of its own: what a hop does to others is not to be confused with what an app does to them. */
async function serveApp(): Promise<void> {
  const large = Buffer.alloc(LARGE_BYTES)
  const app = createServer((request, response) => {
    if (request.url === '/large') response.end(large)
    else request.resume().on('end', () => response.writeHead(200, { 'content-length': 2 }).end('ok'))
  })
  app.listen(0, '127.0.0.1')
  await once(app, 'listening')
  process.send?.((app.address() as AddressInfo).port)
}

async function serveRouter(appPort: number, bodyBytes: number): Promise<void> {
  const router = createRouter({ limits: { headMs: HEAD_MS, bodyBytes } })
  const endpoints = [{ id: 'one', host: '127.0.0.1', port: appPort }]
  const service = { app: 'missions', environment: 'stage', hosts: [HOST], sets: { v1: { endpoints } } }
  router.update({ services: { 'stage/missions': { ...service, split: [{ weights: { v1: 1 } }] } } })
  process.send?.((await router.listenEdge({ host: '127.0.0.1', port: 0 })).port)
  let peak = 0
  setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().rss)
  }, 20)
  process.on('message', () => {
    process.send?.(peak / 1024 ** 2)
    peak = process.memoryUsage().rss
  })
}

async function start(
  role: 'app' | 'router',
  ...args: number[]
): Promise<{ child: ChildProcess; port: number; peak(): Promise<number> }> {
  const child = spawn(process.execPath, [...ROUTER_FLAGS, self, role, ...args.map(String)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [port] = (await once(child, 'message')) as [number]
  const peak = async () => {
    child.send('peak')
    return ((await once(child, 'message')) as [number])[0]
  }
  return { child, port, peak }
}

async function connections(port: number, count: number, bytes: string, reads = true): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const batch = Array.from({ length: Math.min(200, count - sockets.length) }, async () => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      socket.on('error', () => {})
      socket.write(bytes)
      if (reads) socket.resume()
      return socket
    })
    sockets.push(...(await Promise.all(batch)))
  }
  return sockets
}

/** Opens streams and resets each at once, for as long as the other side lets it; tells how that ended. */
async function resetStreams(port: number, count: number): Promise<string> {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  let code: number | null = null
  session.on('error', () => {})
  session.on('goaway', (said) => {
    code = said
  })
  let opened = 0
  while (opened < count && !session.closed && !session.destroyed) {
    for (let turn = 0; turn < 100 && !session.destroyed; turn++, opened++) {
      const stream = session.request({ ':path': '/', ':authority': HOST })
      stream.on('error', () => {})
      stream.close(constants.NGHTTP2_CANCEL)
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  session.destroy()
  return code === null ? `all ${count} taken` : `cut off (GOAWAY ${code}) with ${opened} on their way`
}

/** What others get meanwhile, from a process of their own: who attacks must not slow down who measures. */
async function others(port: number): Promise<string> {
  const child = spawn(process.execPath, [self, 'others', String(port)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [line] = (await once(child, 'message')) as [string]
  return line
}

async function callAsOthers(port: number): Promise<void> {
  const { failures, requests, latencies } = await load({
    port,
    host: HOST,
    connections: 8,
    seconds: 2,
    rate: 200,
  })
  const p99 = percentile(latencies, 0.99).toFixed(1)
  process.send?.(`others meanwhile: ${requests} served, ${failures} failed, p99 ${p99} ms`)
}

/** What the last attack left behind is cleared away: a request is answered as fast as at rest. */
async function settled(port: number): Promise<void> {
  for (let quick = 0; quick < 10; ) {
    const { latencies } = await load({ port, host: HOST, connections: 1, seconds: 0.2, rate: 50 })
    quick = percentile(latencies, 0.5) < 20 ? quick + 1 : 0
  }
}

async function upload(port: number, bytes: number): Promise<string> {
  const options = { host: '127.0.0.1', port, method: 'POST', headers: { host: HOST }, agent: false }
  const request = httpRequest(options)
  const answered = new Promise<string>((resolve) => {
    request.on('response', (answer) => resolve(String(answer.statusCode)))
    request.on('error', (error) => resolve(error.message))
  })
  let isOver = false
  void answered.then(() => {
    isOver = true
  })
  const chunk = Buffer.alloc(256 * 1024)
  for (let sent = 0; sent < bytes && !isOver; sent += chunk.length) {
    if (!request.write(chunk)) await Promise.race([once(request, 'drain'), answered])
  }
  request.end()
  const status = await answered
  request.destroy()
  return status
}

async function measure(): Promise<void> {
  const app = await start('app')
  const router = await start('router', app.port, 0)
  const limited = await start('router', app.port, 100 * 1024 ** 2)
  try {
    await others(router.port)
    console.log(`at rest: ${(await router.peak()).toFixed(0)} MB for the router`)
    const get = `GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`
    const idle = await connections(router.port, 10_000, get)
    const lineIdle = await others(router.port)
    console.log(`10,000 idle keep-alive connections: ${(await router.peak()).toFixed(0)} MB; ${lineIdle}`)
    for (const socket of idle) socket.destroy()
    const slow = await connections(router.port, 1_000, 'GET / HTTP/1.1\r\n')
    const dribble = setInterval(() => {
      for (const socket of slow) if (socket.writable) socket.write('X-Slow: 1\r\n')
    }, 500)
    const closed = slow.map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    const lineSlow = await others(router.port)
    const startedAt = performance.now()
    await Promise.all(closed)
    clearInterval(dribble)
    const more = ((performance.now() - startedAt) / 1000).toFixed(1)
    console.log(
      `1,000 heads that dribble and never end: ${(await router.peak()).toFixed(0)} MB; ${lineSlow}; all closed ${more} s later (limit ${HEAD_MS / 1000} s)`,
    )
    const unread = await connections(router.port, 100, get.replace('GET /', 'GET /large'), false)
    const lineUnread = await others(router.port)
    const megabytes = (await router.peak()).toFixed(0)
    console.log(`100 answers of 10 MB that nobody reads: ${megabytes} MB; ${lineUnread}`)
    for (const socket of unread) socket.destroy()
    await settled(router.port)
    const [reset, lineReset] = await Promise.all([resetStreams(router.port, RESETS), others(router.port)])
    console.log(
      `HTTP/2 streams reset at once: ${reset}; ${(await router.peak()).toFixed(0)} MB; ${lineReset}`,
    )
    const [status, lineBody] = await Promise.all([upload(router.port, GIGABYTE), others(router.port)])
    console.log(`a body of 1 GB, allowed: ${status}; ${(await router.peak()).toFixed(0)} MB; ${lineBody}`)
    const refused = await upload(limited.port, GIGABYTE)
    console.log(`a body of 1 GB, 100 MB allowed: ${refused}; ${(await limited.peak()).toFixed(0)} MB`)
  } finally {
    app.child.kill()
    router.child.kill()
    limited.child.kill()
  }
}

const [role, value, bound] = process.argv.slice(2)
if (role === 'app') await serveApp()
else if (role === 'router') await serveRouter(Number(value), Number(bound))
else if (role === 'others') await callAsOthers(Number(value))
else await measure()
