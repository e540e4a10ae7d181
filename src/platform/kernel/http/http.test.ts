import { createServer as createNetServer, connect as netConnect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { serveForTest, TEST_PERSON, type TestServer, TOKEN } from '../../../../test/serve.ts'
import { TowError } from '../../../api/errors.ts'
import { createClient } from '../../../client/client.ts'
import { createEvents } from '../../features/events/index.ts'
import { kernelMigrations } from '../migrations.ts'
import { operations } from '../operations.ts'
import { takeUpgrade } from './upgrade.ts'

let database: TestDatabase
let server: TestServer
/** How often the change was really made. */
let changes = 0
/** Awaited by every change inside its transaction. */
let hold: Promise<void> = Promise.resolve()

function testRoutes() {
  return {
    access: {
      whoami: operations.access.whoami.handler(({ context }) => ({
        ...{ name: context.principal!.name, kind: context.principal!.kind },
        ...{ roles: [...context.principal!.roles], teams: [] },
        credential: { kind: context.principal!.credential.kind, name: null, expiresAt: null },
      })),
    },
    environments: {
      add: operations.environments.add.handler(({ input, context }) =>
        database.database.change(context.actor, async (change) => {
          await hold
          if (input.name === 'crash') throw new Error('password=hunter2 was in here')
          if (input.name === 'taken') {
            throw new TowError('CONFLICT', 'there is an environment "taken" already', { hint: 'tow env' })
          }
          changes += 1
          change.event({ kind: 'environment.added', environment: input.name, message: `Add ${input.name}` })
          return {
            name: input.name,
            engine: input.engine,
            facts: [],
            position: changes,
            createdAt: new Date().toISOString(),
          }
        }),
      ),
    },
    config: {
      reveal: operations.config.reveal.handler(({ input, context }) =>
        database.database.change(context.actor, async (change) => {
          change.event({ kind: 'config.revealed', message: `Reveal ${input.key}` })
          return { key: input.key, value: 'a-very-secret-value' }
        }),
      ),
    },
    ...createEvents(database).routes,
  }
}

beforeAll(async () => {
  database = await openTestDatabase(kernelMigrations)
  server = await serveForTest({
    database: database.database,
    routes: testRoutes(),
    pages: [
      (scope) => {
        const config = { permission: 'app:change', objects: 'none', basic: true } as const
        scope.get('/git', { config }, async (request) => request.principal.name)
      },
    ],
    mounts: [
      (scope) => {
        scope.get(
          '/terminal',
          { config: { permission: 'app:change', objects: 'none' } },
          async (request, reply) => {
            const { socket } = takeUpgrade(request, reply)
            socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nhello')
          },
        )
      },
    ],
  })
})
afterAll(async () => {
  await server?.close()
  await database?.close()
})
beforeEach(() => {
  hold = Promise.resolve()
})

function post(body: unknown, headers: Record<string, string> = {}) {
  return fetch(`${server.url}/api/environments`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
}

describe('the guard', () => {
  test('lets a token in and says whose it is', async () => {
    expect(await server.client.access.whoami()).toMatchObject({ name: TEST_PERSON, kind: 'person' })
  })

  test.each([
    ['no token', {}],
    ['a wrong token', { authorization: 'Bearer nonsense' }],
    ['another scheme', { authorization: `Basic ${TOKEN}` }],
  ])('refuses %s before it reads the body', async (_, headers) => {
    const response = await fetch(`${server.url}/api/environments`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{ this is not even JSON',
    })
    expect(response.status).toBe(401)
    const body = await response.json()
    expect(body).toMatchObject({ code: 'UNAUTHENTICATED', requestId: response.headers.get('x-request-id') })
  })

  test('refuses what the caller’s role does not permit, naming the permission', async () => {
    const reader = await serveForTest({
      database: database.database,
      routes: testRoutes(),
      permissions: ['self', 'read'],
    })
    try {
      await expect(reader.client.access.whoami()).resolves.toMatchObject({ name: TEST_PERSON })
      await expect(reader.client.environments.add({ name: 'qa' })).rejects.toMatchObject({
        code: 'FORBIDDEN',
        message: 'ada lacks the permission platform:administer',
      })
    } finally {
      await reader.close()
    }
  })

  test.each(['evil.example', 'evil.example:80', '127.0.0.1.evil.example', ''])(
    'refuses the host %j, which is not loopback',
    async (host) => {
      const { port } = new URL(server.url)
      const answer = await raw(
        Number(port),
        `GET /api/whoami HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`,
      )
      expect(answer).toMatch(/^HTTP\/1.1 403/)
    },
  )

  test.each(['http://evil.example', 'null', 'http://shop.stage.localhost:8080', 'http://127.0.0.1:1'])(
    'refuses a page of the origin %s even with the token',
    async (origin) => {
      const response = await post({ name: 'qa' }, { origin })
      expect(response.status).toBe(403)
    },
  )

  test('takes the token as a password where a door says so, and asks for it in these words', async () => {
    const ask = (authorization?: string) =>
      fetch(`${server.url}/git`, authorization === undefined ? {} : { headers: { authorization } })
    const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
    const refused = await ask()
    expect(refused.status).toBe(401)
    expect(refused.headers.get('www-authenticate')).toBe('Basic realm="Towpath"')
    expect((await ask(basic(`ada:nonsense`))).status).toBe(401)
    expect((await ask(basic(TOKEN))).status).toBe(401)
    expect(await (await ask(basic(`ada:${TOKEN}`))).text()).toBe(TEST_PERSON)
    expect((await ask(`Bearer ${TOKEN}`)).status).toBe(200)
  })

  test('an upgrade passes through the same guard', async () => {
    const { port, host } = new URL(server.url)
    const ask = (authorization: string) =>
      raw(
        Number(port),
        `GET /api/terminal HTTP/1.1\r\nhost: ${host}\r\n${authorization}connection: upgrade\r\nupgrade: websocket\r\n\r\n`,
      )
    expect(await ask('')).toMatch(/^HTTP\/1.1 401 [\s\S]*UNAUTHENTICATED/)
    expect(await ask(`authorization: Bearer ${TOKEN}\r\n`)).toMatch(/^HTTP\/1.1 101 [\s\S]*hello/)
    const plain = await fetch(`${server.url}/api/terminal`, { headers: { authorization: `Bearer ${TOKEN}` } })
    expect(plain.status).toBe(400)
  })
})

describe('failures', () => {
  test('carry code, sentence, hint and the request id', async () => {
    const response = await post({ name: 'taken' })
    expect(response.status).toBe(409)
    expect(await response.json()).toEqual({
      code: 'CONFLICT',
      message: 'there is an environment "taken" already',
      hint: 'tow env',
      requestId: response.headers.get('x-request-id'),
    })
  })

  test('arrive in the client as TowError', async () => {
    const failure = await server.client.environments.add({ name: 'taken' }).catch((error) => error)
    expect(failure).toBeInstanceOf(TowError)
    expect(failure).toMatchObject({ code: 'CONFLICT', hint: 'tow env' })
  })

  test.each([
    [{ name: 'Big' }, 'name "Big" is not accepted: names are lower-case letters'],
    [{}, 'name is missing'],
    [{ name: 5 }, 'name 5 is not accepted: expected string'],
    ['text', 'the input "text" is not accepted: expected object'],
  ])('bad input %j names the place and what is wrong there', async (input, sentence) => {
    const response = await post(input)
    const body = (await response.json()) as { message: string }
    expect(response.status).toBe(400)
    expect(body).toMatchObject({ code: 'BAD_INPUT' })
    expect(body.message).toContain(sentence)
  })

  test('a body that is no JSON is the caller’s mistake', async () => {
    const response = await fetch(`${server.url}/api/environments`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      body: '{"name":',
    })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'BAD_INPUT' })
  })

  test.each([
    [{ name: 'a\0' }, 'name holds a NUL character'],
    [{ name: 'qa', engine: { deep: ['\ud800'] } }, 'engine.deep.0 holds half of a surrogate pair'],
    [{ 'a\0': 1 }, 'the input holds a NUL character'],
  ])('text that nothing can keep is refused: %j', async (input, sentence) => {
    const response = await post(input)
    expect(response.status).toBe(400)
    expect(((await response.json()) as { message: string }).message).toContain(sentence)
  })

  test.each([
    ['GET / HTTP/9.9\r\n\r\n', /^HTTP\/1\.1 400 [\s\S]*"code":"BAD_INPUT"/],
    [`GET / HTTP/1.1\r\nx: ${'y'.repeat(99_000)}\r\n\r\n`, /^HTTP\/1\.1 431 [\s\S]*"code":"TOO_LARGE"/],
  ])('what is no HTTP is refused in the same words', async (bytes, answer) => {
    expect(await raw(Number(new URL(server.url).port), bytes)).toMatch(answer)
  })

  test('too large a body is refused with 413', async () => {
    const response = await post({ name: 'x'.repeat(3_000_000) })
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ code: 'TOO_LARGE' })
  })

  test('what nobody expected tells only the request id, and the log has its stack', async () => {
    const response = await post({ name: 'crash' })
    const body = (await response.json()) as { message: string; requestId: string }
    expect(response.status).toBe(500)
    expect(body).toMatchObject({ code: 'INTERNAL' })
    expect(JSON.stringify(body)).not.toContain('hunter2')
    const entry = server.logged.find((one) => one.requestId === body.requestId)
    expect(entry?.error).toContain('hunter2 was in here')
    expect(entry?.error).toContain('http.test.ts')
  })

  test('an unknown path is one clear sentence', async () => {
    const response = await fetch(`${server.url}/api/nothing?x=1`)
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({
      code: 'NOT_FOUND',
      message: 'there is nothing at GET /api/nothing',
    })
  })
})

describe('a call repeated under its Idempotency-Key', () => {
  const key = () => `key-${crypto.randomUUID()}`

  test('changes once and is answered with the first answer', async () => {
    const headers = { 'idempotency-key': key() }
    const before = changes
    const first = await (await post({ name: 'qa', engine: 'local' }, headers)).json()
    const second = await (await post({ engine: 'local', name: 'qa' }, headers)).json()
    expect(changes - before).toBe(1)
    expect(second).toEqual(first)
  })

  test('is refused for another request', async () => {
    const headers = { 'idempotency-key': key() }
    await post({ name: 'qa' }, headers)
    const response = await post({ name: 'other' }, headers)
    expect(response.status).toBe(409)
    expect(await response.json()).toMatchObject({ code: 'CONFLICT' })
  })

  test('two at once make one change', async () => {
    const headers = { 'idempotency-key': key() }
    const before = changes
    const answers = await Promise.all([post({ name: 'twin' }, headers), post({ name: 'twin' }, headers)])
    const [first, second] = await Promise.all(answers.map((answer) => answer.json()))
    expect(second).toEqual(first)
    expect(changes - before).toBe(1)
  })

  test('two platforms at once make one change', async () => {
    const other = await serveForTest({ database: database.database, routes: testRoutes() })
    try {
      const once = key()
      let release = () => {}
      hold = new Promise((resolve) => {
        release = resolve
      })
      const ask = (url: string) =>
        fetch(`${url}/api/environments`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${TOKEN}`,
            'content-type': 'application/json',
            'idempotency-key': once,
          },
          body: JSON.stringify({ name: 'race' }),
        }).then((response) => response.json())
      const both = Promise.all([ask(server.url), ask(other.url)])
      await sleep(50)
      release()
      const [first, second] = await both
      expect(first).toMatchObject({ name: 'race' })
      expect(second).toEqual(first)
      const rows = await database.db
        .selectFrom('events')
        .select('position')
        .where('environment', '=', 'race')
        .execute()
      expect(rows).toHaveLength(1)
    } finally {
      await other.close()
    }
  })

  test('a failed call may be tried again under its key', async () => {
    const headers = { 'idempotency-key': key() }
    expect((await post({ name: 'crash' }, headers)).status).toBe(500)
    expect((await post({ name: 'crash' }, headers)).status).toBe(500)
  })

  test('an answer that holds a secret is kept nowhere', async () => {
    const where = { app: 'shop', environment: 'stage', key: 'API_KEY' }
    expect(await server.client.config.reveal(where)).toMatchObject({ value: 'a-very-secret-value' })
    const kept = await database.db.selectFrom('idempotency').selectAll().execute()
    expect(JSON.stringify(kept)).not.toContain('a-very-secret-value')
  })
})

describe('the client', () => {
  test('repeats a changing call under the same key when the connection broke after the request', async () => {
    const before = changes
    const proxy = await breakingProxy(server.url, { breakAnswers: 1 })
    try {
      const client = createClient({ url: proxy.url, token: TOKEN })
      expect(await client.environments.add({ name: 'cut' })).toMatchObject({ name: 'cut' })
      expect(proxy.broken()).toBe(1)
      expect(changes - before).toBe(1)
    } finally {
      await proxy.close()
    }
  })

  test('says at once that no platform is there', async () => {
    const gone = await breakingProxy(server.url, {})
    await gone.close()
    const client = createClient({ url: gone.url, token: TOKEN, patience: 60_000 })
    await expect(client.access.whoami()).rejects.toMatchObject({ code: 'UNAVAILABLE', hint: 'tow up' })
  })

  test('sends numbers and booleans in a query so that they arrive as what they are', async () => {
    const events = await server.client.events.list({ limit: 1 })
    expect(events).toHaveLength(1)
    await expect(server.client.events.list({ limit: 0 })).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })

  test('goes on with a stream after the last event that arrived', async () => {
    const proxy = await breakingProxy(server.url, {})
    const end = new AbortController()
    try {
      const client = createClient({ url: proxy.url, token: TOKEN })
      const [newest] = await client.events.list({ limit: 1 })
      const seen: string[] = []
      const add = (name: string) => server.client.environments.add({ name })
      await add('one')
      for await (const event of await client.events.follow(
        { after: newest!.position },
        { signal: end.signal },
      )) {
        seen.push(event.environment!)
        if (event.environment === 'one') {
          proxy.breakAll()
          await add('two')
          await add('three')
        }
        if (seen.length === 3) break
      }
      expect(seen).toEqual(['one', 'two', 'three'])
      expect(proxy.broken()).toBeGreaterThan(0)
    } finally {
      end.abort()
      await proxy.close()
    }
  })

  test('is told that the stream is cut, not over, when the platform stops', async () => {
    const other = await serveForTest({ database: database.database, routes: testRoutes() })
    const client = createClient({ url: other.url, token: TOKEN, patience: 0 })
    const stream = await client.events.follow({})
    const next = stream.next()
    next.catch(() => {})
    await other.close()
    await expect(next).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

async function raw(port: number, request: string): Promise<string> {
  const socket = netConnect(port, '127.0.0.1')
  socket.write(request)
  let answer = ''
  for await (const chunk of socket) answer += chunk
  return answer
}

/** A plain TCP relay that cuts connections: the first N on their first answered byte, or all at a word. */
async function breakingProxy(url: string, { breakAnswers = 0 }: { breakAnswers?: number }) {
  const { port } = new URL(url)
  const open = new Set<Socket>()
  let broken = 0
  const relay = createNetServer((near) => {
    const far = netConnect(Number(port), '127.0.0.1')
    open.add(near)
    near.on('error', () => far.destroy())
    far.on('error', () => near.destroy())
    near.on('close', () => {
      open.delete(near)
      far.destroy()
    })
    far.on('close', () => near.destroy())
    near.on('data', (chunk) => far.write(String(chunk).replaceAll(/127\.0\.0\.1:\d+/g, `127.0.0.1:${port}`)))
    far.on('data', (chunk) => {
      if (broken < breakAnswers) {
        broken += 1
        near.resetAndDestroy()
      } else near.write(chunk)
    })
  })
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve))
  const address = relay.address() as { port: number }
  return {
    url: `http://127.0.0.1:${address.port}`,
    broken: () => broken,
    breakAll() {
      for (const socket of open) {
        broken += 1
        socket.resetAndDestroy()
      }
    },
    async close() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => relay.close(resolve))
    },
  }
}
