/**
 * What a hop through the router costs: CPU per request, and latency added at half of what it can carry, beside nginx,
 * haproxy and caddy where they are installed. `node bench/router.ts [seconds per measurement]`
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { ROUTER_FLAGS } from '../src/router/flags.ts'
import { createRouter } from '../src/router/router.ts'
import { arePinned, goFirst, on, pinMyself } from './router/cores.ts'
import { load, percentile } from './router/load.ts'
import { findPeers } from './router/peers.ts'

const HOST = 'missions.stage.localhost'
const CONNECTIONS = 32
const self = fileURLToPath(import.meta.url)

async function serveApp(): Promise<void> {
  const body = JSON.stringify({ items: Array.from({ length: 8 }, (_, id) => ({ id, name: `item ${id}` })) })
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const server = createServer((_request, response) => response.writeHead(200, headers).end(body))
  server.keepAliveTimeout = 60_000
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
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

async function start(
  part: 'proxy' | 'others',
  flags: readonly string[],
  ...args: string[]
): Promise<{ child: ChildProcess; port: number }> {
  const child = spawn(...on(part, process.execPath, [...flags, self, ...args]), {
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
  cpuMicros: number
  perSecond: number
  halfRate: number
  addedP50: number
  addedP99: number
  failures: number
}

const ROUNDS = 5
const WARM_REQUESTS = 20_000
const common = { host: HOST, connections: CONNECTIONS }

const median = (values: number[]) => values.sort((one, other) => one - other)[values.length >> 1]!

/** Compiled code and full caches on both sides, however slow the machine is. */
async function warmUp(port: number): Promise<void> {
  for (let done = 0; done < WARM_REQUESTS; ) {
    done += (await load({ ...common, port, seconds: 1, rate: 0 })).requests
  }
}

/** Rounds go around all contestants, so that a noisy minute hits each of them. */
async function compare(contestants: Contestant[], appPort: number, seconds: number): Promise<Figures[]> {
  const cpu = contestants.map((): number[] => [])
  const rates = contestants.map((): number[] => [])
  let failures = 0
  for (const { port } of contestants) await warmUp(port)
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, { pid, port }] of contestants.entries()) {
      const before = cpuOf(pid)
      const full = await load({ ...common, port, seconds, rate: 0 })
      cpu[index]!.push(((cpuOf(pid) - before) * 1000) / full.requests)
      rates[index]!.push(full.requests / full.seconds)
      failures += full.failures
    }
  }
  const figures: Figures[] = []
  for (const [index, { name, port }] of contestants.entries()) {
    const perSecond = median(rates[index]!)
    const halfRate = Math.round(perSecond / 2)
    const added: [number[], number[]] = [[], []]
    for (let round = 0; round < ROUNDS; round++) {
      const direct = await load({ ...common, port: appPort, seconds, rate: halfRate })
      const half = await load({ ...common, port, seconds, rate: halfRate })
      for (const [which, part] of [0.5, 0.99].entries()) {
        added[which]!.push(percentile(half.latencies, part) - percentile(direct.latencies, part))
      }
      failures += half.failures
    }
    const [addedP50, addedP99] = [median(added[0]), median(added[1])]
    figures.push({ name, cpuMicros: median(cpu[index]!), perSecond, halfRate, addedP50, addedP99, failures })
  }
  return figures
}

async function measure(seconds: number): Promise<void> {
  const { peers, skipped } = findPeers()
  for (const line of skipped) console.log(line)
  pinMyself()
  const app = await start('others', [], 'app')
  const contestants: Contestant[] = []
  try {
    const { child, port } = await start('proxy', ROUTER_FLAGS, 'router', String(app.port))
    contestants.push({ name: 'towpath', pid: child.pid!, port, stop: () => ended(child) })
    for (const peer of peers) {
      const peerPort = await freePort()
      const { child, remove } = peer.start(peerPort, app.port)
      const stop = () => ended(child).then(remove)
      contestants.push({ name: `${peer.name} ${peer.version}`, pid: child.pid!, port: peerPort, stop })
      await listening(peerPort)
    }
    goFirst()
    print(await compare(contestants, app.port, seconds))
  } finally {
    for (const { stop } of contestants) await stop()
    await ended(app.child)
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
    `${arePinned ? 'each proxy on a core of its own, clients and app on another; ' : ''}${CONNECTIONS} keep-alive connections, GET of a small JSON answer; latency at half of the full rate; medians of ${ROUNDS} rounds`,
  )
  console.log(
    'proxy             cpu us/request   full req/s   half req/s   p50 added ms   p99 added ms   failures',
  )
  for (const one of results) {
    const cells = [
      one.cpuMicros.toFixed(1).padStart(14),
      one.perSecond.toFixed(0).padStart(12),
      String(one.halfRate).padStart(12),
      one.addedP50.toFixed(2).padStart(14),
      one.addedP99.toFixed(2).padStart(14),
      String(one.failures).padStart(10),
    ]
    console.log(one.name.padEnd(18) + cells.join(' '))
  }
  const ours = results[0]!
  for (const peer of results.slice(1)) {
    console.log(`CPU of towpath : ${peer.name} = ${(ours.cpuMicros / peer.cpuMicros).toFixed(2)} : 1`)
  }
}

/** Roles of this file: a small JSON app, the router before it, or the measurement. */
const [role = 'measure', ...rest] = process.argv.slice(2)
if (role === 'app') await serveApp()
else if (role === 'router') await serveRouter(Number(rest[0]))
else await measure(Number(role) || 2)
