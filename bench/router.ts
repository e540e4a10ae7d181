/**
 * What a hop through the router costs: CPU per request, and latency added at half of what it can carry, beside nginx,
 * haproxy and caddy where they are installed. `node bench/router.ts [seconds per measurement]`
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { fileURLToPath } from 'node:url'
import { ROUTER_FLAGS } from '../src/router/flags.ts'
import { createRouter } from '../src/router/router.ts'
import { arePinned, goFirst, on, pinMyself } from './router/cores.ts'
import { load, percentile } from './router/load.ts'
import { findPeers } from './router/peers.ts'
import { type Watch, watchProxyCore } from './router/watch.ts'

const HOST = 'missions.stage.localhost'
const CONNECTIONS = 32
const self = fileURLToPath(import.meta.url)

/** No framework and no parser: what the app costs is nobody's concern here, and it is in one process with its clients. */
async function serveApp(): Promise<Server> {
  const body = JSON.stringify({ items: Array.from({ length: 8 }, (_, id) => ({ id, name: `item ${id}` })) })
  const answer = Buffer.from(
    `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  )
  const server = createServer({ noDelay: true }, (socket) => {
    // One request at a time on each connection, and the end of its head in one piece.
    socket.on('data', (data) => data.includes('\r\n\r\n') && socket.write(answer))
    socket.on('error', () => {})
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return server
}

async function serveRouter(appPort: number): Promise<void> {
  const router = createRouter()
  const sets = { v1: { endpoints: [{ id: 'one', host: '127.0.0.1', port: appPort }] } }
  router.update({
    services: {
      'stage/missions': {
        app: 'missions',
        environment: 'stage',
        hosts: [HOST],
        sets,
        split: [{ weights: { v1: 1 } }],
      },
    },
  })
  process.send?.((await router.listenEdge({ host: '127.0.0.1', port: 0 })).port)
}

async function startRouter(appPort: number): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(...on('proxy', process.execPath, [...ROUTER_FLAGS, self, 'router', String(appPort)]), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [port] = (await once(child, 'message')) as [number]
  return { child, port }
}

/** CPU milliseconds of a process and its children. */
function cpuOf(pid: number): number {
  if (process.platform !== 'linux') {
    const [hours = 0, minutes = 0, seconds = 0] = spawnSync('ps', ['-o', 'cputime=', '-p', String(pid)], {
      encoding: 'utf8',
    })
      .stdout.trim()
      .split(':')
      .map(Number)
    return (hours * 3600 + minutes * 60 + seconds) * 1000
  }
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number)
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (
    (Number(fields[11]) + Number(fields[12])) * 10 + children.reduce((sum, child) => sum + cpuOf(child), 0)
  )
}

async function listening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await new Promise((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    )
    socket.destroy()
    if (isOpen) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`nothing listens on port ${port}`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

interface Contestant {
  name: string
  pid: number
  port: number
  stop(): Promise<void>
}

interface Figures {
  name: string
  port: number
  cpuMicros: number
  perSecond: number
  halfRate: number
  undisturbed: Added[]
  disturbed: Added[]
  failures: number
  /** Parts of all requests at half rate whose latency does not count, one for each round. */
  spoiled: number[]
}

/** Milliseconds that the proxy added to parts of the requests in one round. */
interface Added {
  p50: number
  p99: number
}

const FULL_ROUNDS = 5
/** Short, so that some are not disturbed. */
const HALF_SECONDS = 0.75
/** Rounds that were not disturbed; and the most of all, where there are not as many. */
const ENOUGH = 9
const MOST_ROUNDS = 60
/** Milliseconds that the proxy's core was taken away, from which on a round says more of the machine than of the proxy. */
const DISTURBED_MS = 0.5
const WARM_REQUESTS = 20_000
const common = { host: HOST, connections: CONNECTIONS }

const median = (values: number[]) =>
  values.sort((one, other) => one - other)[values.length >> 1] ?? Number.NaN

/** Compiled code and full caches on both sides, however slow the machine is. */
async function warmUp(port: number): Promise<void> {
  for (let done = 0; done < WARM_REQUESTS; ) {
    done += (await load({ ...common, port, seconds: 1, rate: 0 })).requests
  }
}

/** What each can carry, and what that costs. Rounds go around all contestants, so that a noisy minute hits each of them. */
async function measureFull(contestants: Contestant[], seconds: number): Promise<Figures[]> {
  const rounds = contestants.map((): { cpu: number; rate: number; failures: number }[] => [])
  for (const { port } of contestants) await warmUp(port)
  for (let round = 0; round < FULL_ROUNDS; round++) {
    for (const [index, { pid, port }] of contestants.entries()) {
      const before = cpuOf(pid)
      const full = await load({ ...common, port, seconds, rate: 0 })
      const cpu = ((cpuOf(pid) - before) * 1000) / full.requests
      rounds[index]!.push({ cpu, rate: full.requests / full.seconds, failures: full.failures })
    }
  }
  return contestants.map(({ name, port }, index): Figures => {
    const perSecond = median(rounds[index]!.map(({ rate }) => rate))
    return {
      name,
      port,
      cpuMicros: median(rounds[index]!.map(({ cpu }) => cpu)),
      perSecond,
      halfRate: Math.round(perSecond / 2),
      undisturbed: [],
      disturbed: [],
      failures: rounds[index]!.reduce((sum, { failures }) => sum + failures, 0),
      spoiled: [],
    }
  })
}

/** What each adds at half of that, until enough rounds of each were not disturbed. */
async function measureHalf(figures: Figures[], appPort: number, watch: Watch | null): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    for (const one of figures.filter(({ undisturbed }) => undisturbed.length < ENOUGH)) {
      const half = { ...common, seconds: HALF_SECONDS, rate: one.halfRate, spins: arePinned }
      const direct = await load({ ...half, port: appPort })
      await watch?.away()
      const through = await load({ ...half, port: one.port })
      const away = (await watch?.away()) ?? 0
      const added = (part: number) => percentile(through.latencies, part) - percentile(direct.latencies, part)
      const rounds = away < DISTURBED_MS ? one.undisturbed : one.disturbed
      rounds.push({ p50: added(0.5), p99: added(0.99) })
      one.failures += through.failures
      one.spoiled.push(through.spoiled / through.requests)
    }
  }
}

async function measure(seconds: number): Promise<void> {
  const { peers, skipped } = findPeers()
  for (const line of skipped) console.log(line)
  pinMyself()
  const app = await serveApp()
  const { port: appPort } = app.address() as AddressInfo
  const contestants: Contestant[] = []
  let watch: Watch | null = null
  try {
    const { child, port } = await startRouter(appPort)
    contestants.push({ name: 'towpath', pid: child.pid!, port, stop: () => ended(child) })
    for (const peer of peers) {
      const peerPort = await freePort()
      const { child, remove } = peer.start(peerPort, appPort)
      const stop = () => ended(child).then(remove)
      contestants.push({ name: `${peer.name} ${peer.version}`, pid: child.pid!, port: peerPort, stop })
      await listening(peerPort)
    }
    watch = await watchProxyCore()
    if (!watch) console.log('nothing may watch the core of the proxies here: no round is told from another')
    goFirst()
    const figures = await measureFull(contestants, seconds)
    await measureHalf(figures, appPort, watch)
    print(figures)
  } finally {
    await watch?.stop()
    for (const { stop } of contestants) await stop()
    app.close()
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill()
  await exit
}

function print(results: Figures[]): void {
  console.log(
    `${arePinned ? 'each proxy on a core of its own, clients and app on another; ' : ''}${CONNECTIONS} keep-alive connections, GET of a small JSON answer; medians of rounds; added: at half of the full rate, p50 and p99 in ms, where the proxy's core was not taken away, and where it was`,
  )
  const added = (rounds: Added[]) =>
    rounds.length === 0
      ? 'none'
      : `${median(rounds.map(({ p50 }) => p50)).toFixed(2)} ${median(rounds.map(({ p99 }) => p99)).toFixed(2)} (${rounds.length})`
  console.log(
    'proxy             cpu us/request   full req/s   half req/s       undisturbed         disturbed   left out %   failures',
  )
  for (const one of results) {
    const cells = [
      one.cpuMicros.toFixed(1).padStart(14),
      one.perSecond.toFixed(0).padStart(12),
      String(one.halfRate).padStart(12),
      added(one.undisturbed).padStart(17),
      added(one.disturbed).padStart(17),
      ((100 * one.spoiled.reduce((sum, part) => sum + part, 0)) / one.spoiled.length).toFixed(2).padStart(12),
      String(one.failures).padStart(10),
    ]
    console.log(one.name.padEnd(18) + cells.join(' '))
  }
  const ours = results[0]!
  for (const peer of results.slice(1)) {
    console.log(`CPU of towpath : ${peer.name} = ${(ours.cpuMicros / peer.cpuMicros).toFixed(2)} : 1`)
  }
}

/** The clients must not pause: what else V8 would have threads for is done between two requests. */
async function measureApart(seconds: string): Promise<void> {
  const child = spawn(process.execPath, ['--single-threaded', self, 'measure', seconds], { stdio: 'inherit' })
  const [code] = (await once(child, 'exit')) as [number | null]
  process.exitCode = code ?? 1
}

/** Roles of this file: the router before an app, the measurement, or what starts it. */
const [role = '2', ...rest] = process.argv.slice(2)
if (role === 'router') await serveRouter(Number(rest[0]))
else if (role === 'measure') await measure(Number(rest[0]))
else await measureApart(role)
