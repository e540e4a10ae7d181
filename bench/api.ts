/** CPU that one call costs the server: an operation of the contract behind the guard, beside bare Fastify and node:http. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent, createServer as createHttpServer, request } from 'node:http'
import { fileURLToPath } from 'node:url'
import fastify from 'fastify'
import { createServer } from '../src/platform/kernel/http/server.ts'
import { createLog } from '../src/platform/kernel/log.ts'
import { operations } from '../src/platform/kernel/operations.ts'
import { printFigures } from './figures.ts'

const CALLS = 3000
const ROUNDS = 7
const ANSWER = {
  name: 'ada',
  kind: 'person' as const,
  roles: [{ role: 'administrator' as const, environment: null }],
  teams: [],
  credential: { kind: 'token-file' as const, name: null, expiresAt: null },
}

if (process.argv[2] === 'calls') {
  const [, , , url = '', calls = '0'] = process.argv
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  for (let call = 0; call < Number(calls); call += 1) {
    const asked = request(url, { agent, headers: { authorization: 'Bearer token' } }).end()
    const [response] = await once(asked, 'response')
    for await (const _ of response);
    if (response.statusCode !== 200) throw new Error(`${url} answered ${response.statusCode}`)
  }
  process.exit(0)
}

/** Microseconds of CPU of this process per call; the caller is another process. */
async function measure(url: string): Promise<number[]> {
  const rounds: number[] = []
  for (let round = 0; round <= ROUNDS; round += 1) {
    const before = process.cpuUsage()
    const caller = fork(fileURLToPath(import.meta.url), ['calls', url, String(CALLS)])
    const [code] = await once(caller, 'exit')
    if (code !== 0) throw new Error('the caller failed')
    const { user, system } = process.cpuUsage(before)
    // The first round is for the compiler.
    if (round > 0) rounds.push((user + system) / CALLS)
  }
  return rounds
}

const server = createServer({
  router: { access: { whoami: operations.access.whoami.handler(() => ANSWER) } },
  authenticator: {
    authenticate: async () => ({ ...ANSWER }),
    permits: () => true,
  },
  authorize: async () => {},
  onAccessChanged: () => () => {},
  replays: { once: async () => null, collect: async () => 0 },
  log: createLog(() => {}),
  now: () => new Date(),
  mounts: [],
  pages: [],
})
const operation = await measure(`${await server.listen(0)}/api/whoami`)
await server.close()

const bare = fastify()
bare.get('/whoami', async () => ANSWER)
const withFastify = await measure(`${await bare.listen({ host: '127.0.0.1', port: 0 })}/whoami`)
await bare.close()

const plain = createHttpServer((_, response) => response.end(JSON.stringify(ANSWER)))
plain.listen(0, '127.0.0.1')
await once(plain, 'listening')
const { port } = plain.address() as { port: number }
const withNode = await measure(`http://127.0.0.1:${port}/`)
plain.close()

printFigures(`one call, ${ROUNDS} rounds of ${CALLS}, one connection`, [
  { what: 'an operation behind the guard', unit: 'µs CPU', values: operation },
  { what: 'fastify alone', unit: 'µs CPU', values: withFastify },
  { what: 'node:http alone', unit: 'µs CPU', values: withNode },
])
