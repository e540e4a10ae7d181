/**
 * Fifty spaces over one environment: what calls to apps cost that nobody overrides, and to one that all of them do; and
 * whether a space is ever answered by another's set, while sets and routers are restarted under load.
 * `node bench/spaces.ts [seconds per measurement]`
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { ROUTER_FLAGS } from '../src/router/flags.ts'
import { type Copy, createRouter, overlay, type Service } from '../src/router/router.ts'
import { median, printFigures } from './figures.ts'
import { load, percentile } from './router/load.ts'

const SPACES = Array.from({ length: 50 }, (_, index) => `space-${index}`)
const ROUNDS = 5
const RATE = 1_500
const self = fileURLToPath(import.meta.url)
const hostOf = (app: string, space?: string) => `${app}${space ? `--${space}` : ''}.stage.localhost`

/** By name, where each set answers: the environment's own as `stage`. */
type Ports = Record<string, number>

/** One process for all sets, each at a port of its own, saying its name; the parent has it close and open them. */
async function serveApps(): Promise<void> {
  const servers = new Map<string, Server>()
  const open = async (name: string, port: number) => {
    const server = createServer((_request, response) => response.end(name))
    server.keepAliveTimeout = 60_000
    servers.set(name, server.listen(port, '127.0.0.1'))
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const ports: Ports = {}
  for (const name of ['stage', ...SPACES]) ports[name] = await open(name, 0)
  process.on('message', async (name: string) => {
    const server = servers.get(name)!
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
    await delay(40)
    await open(name, ports[name]!)
    process.send!('open')
  })
  process.send!(ports)
}

async function serveRouter(ports: Ports, spaces: string[], inside: number): Promise<void> {
  const setAt = (name: string) => ({ endpoints: [{ id: name, host: '127.0.0.1', port: ports[name]! }] })
  const own = ['web', 'missions'].map(
    (app): Service => ({
      ...{ app, environment: 'stage', hosts: [hostOf(app)] },
      sets: { v1: { endpoints: [{ ...setAt('stage').endpoints[0]!, id: `stage ${app}` }] } },
      split: [{ weights: { v1: 1 } }],
    }),
  )
  const copies = spaces.map(
    (space): Copy => ({
      ...{ app: 'missions', space, overlay: {} },
      sets: { [`${space}.1`]: setAt(space) },
      split: [{ weights: { [`${space}.1`]: 1 } }],
    }),
  )
  const router = createRouter()
  const services = overlay('stage', own, copies, (app, space) => [hostOf(app, space)])
  router.update({ services: { 'stage/web': services.web!, 'stage/missions': services.missions! } })
  const edge = await router.listenEdge({ host: '127.0.0.1', port: 0 })
  const at = { service: 'stage/missions', door: 'inside', host: '127.0.0.1' } as const
  const door = await router.listenService({ ...at, port: inside })
  process.send!({ edge: edge.port, inside: door.port })
}

async function start<Answer>(flags: readonly string[], ...args: string[]) {
  const child = spawn(process.execPath, [...flags, self, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const [answer] = (await once(child, 'message')) as [Answer]
  return { child, answer }
}

const startRouter = (ports: Ports, spaces: string[], inside = 0) =>
  start<{ edge: number; inside: number }>(
    ROUTER_FLAGS,
    'router',
    ...[ports, spaces, inside].map((one) => JSON.stringify(one)),
  )

async function ended(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}

function cpuMillisecondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

interface Way {
  what: string
  pid: number
  port: number
  host: string
}

async function cost(ways: Way[], seconds: number): Promise<void> {
  const measured = ways.map(() => ({ cpu: [] as number[], p99: [] as number[] }))
  const common = { connections: 16, rate: RATE }
  for (const way of ways) await load({ ...way, ...common, seconds: 2 })
  let failures = 0
  for (let round = 0; round < ROUNDS; round++) {
    // Rounds go around all ways, so that a noisy second hits each of them.
    for (const [index, way] of ways.entries()) {
      const before = cpuMillisecondsOf(way.pid)
      const done = await load({ ...way, ...common, seconds })
      measured[index]!.cpu.push(((cpuMillisecondsOf(way.pid) - before) * 1000) / done.requests)
      measured[index]!.p99.push(percentile(done.latencies, 0.99))
      failures += done.failures
    }
  }
  const figures = ways.flatMap(({ what }, index) => [
    { what: `${what}: CPU per request`, unit: 'µs', values: measured[index]!.cpu },
    { what: `${what}: p99`, unit: 'ms', values: measured[index]!.p99 },
  ])
  printFigures(`${SPACES.length} spaces, ${RATE} requests per second, ${failures} failures`, figures)
  const [before, after, unspaced, spaced] = measured.map(({ p99 }) => median(p99))
  console.log(`  p99 added to an app that nobody overrides: ${(after! - before!).toFixed(2)} ms (bar: none)`)
  console.log(
    `  p99 added to a call of a space's own copy: ${(spaced! - unspaced!).toFixed(2)} ms (bar: 1 ms)`,
  )
}

async function measure(ports: Ports, seconds: number): Promise<void> {
  const plain = await startRouter(ports, [])
  const spaced = await startRouter(ports, SPACES)
  const way = (what: string, { child, answer }: typeof plain, host: string): Way => ({
    ...{ what, host, pid: child.pid!, port: answer.edge },
  })
  await cost(
    [
      way('web, no spaces', plain, hostOf('web')),
      way('web, 50 spaces', spaced, hostOf('web')),
      way('missions, no spaces', plain, hostOf('missions')),
      way('missions in the last space', spaced, hostOf('missions', SPACES.at(-1)!)),
    ],
    seconds,
  )
  await Promise.all([ended(plain.child), ended(spaced.child)])
}

/** What one call of a space got: the name of a set, a status, or the error of a connection to the router. */
function call(port: number, agent: Agent, space: string | null): Promise<string> {
  const headers = space === null ? {} : { baggage: `tow.space=${space}` }
  return new Promise((resolve) => {
    const sent = request({ host: '127.0.0.1', port, agent, headers }, (answer) => {
      let text = ''
      answer.on('data', (chunk) => {
        text += String(chunk)
      })
      answer.on('end', () => resolve(answer.statusCode === 200 ? text : String(answer.statusCode)))
      answer.on('error', () => resolve('cut'))
    })
    sent.on('error', () => resolve('router away')).end()
  })
}

async function isolation(apps: ChildProcess, ports: Ports, seconds: number): Promise<void> {
  let router = await startRouter(ports, SPACES)
  const { inside } = router.answer
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const counts = { right: 0, wrong: 0, failed: 0, away: 0 }
  let running = true
  const client = async (space: string | null) => {
    while (running) {
      const got = await call(inside, agent, space)
      if (got === (space ?? 'stage')) counts.right++
      else if (got === 'router away' || got === 'cut') counts.away++
      else if (/^\d+$/.test(got)) counts.failed++
      else counts.wrong++
      // Whoever met no router comes back no sooner than a new one can be there.
      await delay(got === 'router away' ? 100 : 5)
    }
  }
  const clients = [null, ...SPACES].map(client)
  const until = performance.now() + seconds * 1000
  let restarts = 0
  let kills = 0
  while (performance.now() < until) {
    for (let some = 0; some < 25; some++) {
      apps.send(SPACES[restarts++ % SPACES.length]!)
      await once(apps, 'message')
    }
    await ended(router.child, 'SIGKILL')
    kills++
    router = await startRouter(ports, SPACES, inside)
  }
  running = false
  await Promise.all(clients)
  agent.destroy()
  await ended(router.child)
  console.log(
    `\n${restarts} restarts of sets, ${kills} kills of the router: ${counts.right} answered by their own set, ` +
      `${counts.wrong} by another (bar: 0), ${counts.failed} failed (bar: 0), ${counts.away} met no router`,
  )
}

const [role, ...args] = process.argv.slice(2)
if (role === 'apps') await serveApps()
else if (role === 'router') {
  const [ports, spaces, inside] = args.map((one) => JSON.parse(one)) as [Ports, string[], number]
  await serveRouter(ports, spaces, inside)
} else {
  const seconds = Number(role ?? 3)
  const apps = await start<Ports>([], 'apps')
  await measure(apps.answer, seconds)
  await isolation(apps.child, apps.answer, seconds * 10)
  await ended(apps.child)
}
