/**
 * Whatever is sent to whatever door: the answer says what is wrong with it, and is never a failure of the platform's
 * own. The operations are read from the contract, so a new one is fed too.
 */
import { once } from 'node:events'
import { traverseContractProcedures } from '@orpc/server'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import * as z from 'zod'
import {
  badBody,
  badText,
  contentType,
  type Heard,
  type Knock,
  knock,
  knockRaw,
  type Schema,
  spoilt,
  toJson,
  toText,
} from '../../test/malformed.ts'
import { openWholePlatform, type WholePlatform } from '../../test/whole-platform.ts'
import { contract } from '../api/contract.ts'
import type { OperationMeta } from '../api/operation.ts'

const RUNS = 40
/** A refusal names what it refuses and repeats no megabytes of it. */
const LONGEST_REFUSAL = 16_384

interface Subject {
  name: string
  method: string
  path: string
  meta: OperationMeta
  input: Schema
}

function subjects(): Subject[] {
  const found: Subject[] = []
  traverseContractProcedures({ router: contract, path: [] }, ({ contract: operation, path }) => {
    const { meta, route, inputSchema } = operation['~orpc']
    const input = inputSchema
      ? (z.toJSONSchema(inputSchema as unknown as z.ZodType, {
          io: 'input',
          unrepresentable: 'any',
        }) as Schema)
      : { type: 'object', properties: {} }
    found.push({ name: path.join('.'), method: route.method!, path: route.path!, meta: meta as never, input })
  })
  return found
}

let platform: WholePlatform
/** Names of things that are there, so that inputs get past the first look-up. */
let known: Record<string, string[]>

beforeAll(async () => {
  platform = await openWholePlatform()
  const { client } = platform
  const ship = await client.ships.get({ id: await platform.ship({ Procfile: 'web: serve', main: '1' }) })
  const [app] = ship.apps
  expect(app).toMatchObject({ app: 'shop', state: 'live' })
  const run = await client.processes.run({ app: 'shop', environment: 'stage', command: 'cat' })
  known = {
    app: ['shop', 'other'],
    apps: ['shop', 'other'],
    environment: ['stage', 'prod', 'qa'],
    folderName: ['shop', 'constructor'],
    name: ['stage', 'qa'],
    to: ['prod', 'stage'],
    from: ['stage', 'prod'],
    confirm: ['other', 'stage'],
    tree: [ship.tree],
    hash: [ship.tree],
    base: [ship.tree],
    id: [ship.id, app!.build!, app!.rollout!, run.id],
    key: ['REGION', 'API_KEY'],
    process: ['web'],
    digest: ['a'.repeat(64)],
  }
})
afterAll(async () => {
  await platform?.close()
})

const check = (property: fc.IAsyncProperty<never>, runs = RUNS) =>
  fc.assert(property as fc.IAsyncProperty<unknown>, { numRuns: runs, endOnFailure: false })

/** Failures of the platform's own are those that nobody expected, and every 5xx that is not "this can't be done here". */
function mustBeAnswered({ status, text, type }: Heard, what: unknown) {
  const told = `${status} ${text.slice(0, 600)} to ${toJson(what).slice(0, 600)}`
  if (status >= 500 && status !== 501) throw new Error(`a failure of its own: ${told}`)
  // A HEAD is answered without words.
  if (status < 400 || text === '') return
  if (text.length > LONGEST_REFUSAL) throw new Error(`${text.length} characters of refusal: ${told}`)
  if (!type.startsWith('application/json')) return
  const body = JSON.parse(text)
  if (typeof body.code !== 'string' || typeof body.message !== 'string')
    throw new Error(`no refusal: ${told}`)
}

async function mustBeWell() {
  expect(await platform.client.access.whoami()).toMatchObject({ name: 'ada' })
  expect((await platform.client.system.status()).parts.every(({ ok }) => ok)).toBe(true)
  expect(platform.logged.splice(0).filter(({ level }) => level === 'error')).toEqual([])
  expect(({} as Record<string, unknown>).admin).toBe(undefined)
}

const authorization = () => ({ authorization: `Bearer ${platform.token}` })

/** Where the parts of an input go: into the path, and the query or the body. */
function place({ method, path }: Subject, input: unknown): Knock {
  const fields =
    typeof input === 'object' && input !== null ? ({ ...input } as Record<string, unknown>) : null
  const url = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = fields?.[name]
    if (fields) delete fields[name]
    return encode(toText(value)).slice(0, 8000)
  })
  if (method !== 'GET') {
    return {
      method,
      path: `/api${url}`,
      headers: { ...authorization(), 'content-type': 'application/json' },
      body: toJson(fields ?? input),
    }
  }
  const query = Object.entries(fields ?? { input })
    .map(([name, value]) => `${encode(name)}=${encode(toText(value))}`)
    .join('&')
  return { method, path: `/api${url}?${query}`.slice(0, 12_000), headers: authorization() }
}

/** Lone surrogates can't be percent-encoded; what stands for them is no UTF-8 either. */
const encode = (text: string) =>
  text.replace(/[^A-Za-z0-9._~-]/gsu, (one) => (one.isWellFormed() ? encodeURIComponent(one) : '%ED%A0%80'))

describe('malformed input is refused in words, and never breaks', { timeout: 120_000 }, () => {
  test.each(subjects())('$name', async (subject) => {
    await check(
      fc.asyncProperty(spoilt(subject.input, known), async (input) => {
        mustBeAnswered(await knock(platform.url, place(subject, input)), input)
      }) as never,
    )
    await check(
      fc.asyncProperty(badBody, contentType, badText, async (body, type, text) => {
        const path = `/api${subject.path.replace(/\{\w+\}/g, () => encode(text).slice(0, 4000))}`
        const headers = { ...authorization(), 'content-type': type }
        mustBeAnswered(await knock(platform.url, { method: subject.method, path, headers, body }), [
          path,
          type,
        ])
      }) as never,
      RUNS / 4,
    )
    await mustBeWell()
  })
})

describe('the doors beside the operations', { timeout: 120_000 }, () => {
  const elsewhere: fc.Arbitrary<Knock> = fc
    .record({
      method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'PROPFIND'),
      path: fc.constantFrom(
        '/api/blobs?tree=T',
        '/api/blobs?tree=T&tree=T',
        '/api/blobs?V=1',
        '/api/runs/V/terminal',
        '/api/runs/R/terminal',
        '/git/V.git/info/refs?service=git-receive-pack',
        '/git/V/info/refs?service=V',
        '/git/shop.git/info/refs?service=git-upload-pack',
        '/git/shop.git/git-receive-pack',
        '/git/shop.git/git-upload-pack',
        '/git/shop.git/V',
        '/git/shop.git/../../V',
        '/git/..%2f..%2fetc/info/refs?service=git-upload-pack',
        '/docs?V',
        '/openapi.json/V',
        '/V',
        '//V',
        '/api/../V',
        '*',
      ),
      text: badText,
      type: contentType,
      body: fc.option(badBody, { nil: undefined }),
      headers: fc.dictionary(
        fc.constantFrom(
          'idempotency-key',
          'last-event-id',
          'content-encoding',
          'git-protocol',
          'accept',
          'range',
          'expect',
          'cookie',
        ),
        fc.constantFrom(
          'gzip',
          'br, gzip',
          '999999999999999999999',
          '-1',
          'version=2',
          'x'.repeat(300),
          '%00',
          '"',
          '=;=;',
        ),
      ),
    })
    .map(({ method, path, text, type, body, headers }) => ({
      method,
      path: path
        .replaceAll('V', encode(text).slice(0, 4000))
        .replace('T', known.tree![0]!)
        .replace('R', known.id!.at(-1)!),
      headers: { ...authorization(), 'content-type': type, ...headers },
      ...(body === undefined ? {} : { body }),
    }))

  test('blobs, Git, terminals, pages and what is not there', async () => {
    await check(
      fc.asyncProperty(elsewhere, async (asked) => {
        mustBeAnswered(await knock(platform.url, asked), [asked.method, asked.path, asked.headers])
      }) as never,
      400,
    )
    await mustBeWell()
  })

  test('bytes that are no HTTP, or nearly', async () => {
    const host = new URL(platform.url).host
    const head = (lines: string[]) => [...lines, '', ''].join('\r\n')
    const given = `authorization: Bearer ${platform.token}`
    const post = `POST /api/environments HTTP/1.1`
    const bytes = fc.oneof(
      fc
        .uint8Array({ minLength: 8, maxLength: 200 })
        .map((noise) => Buffer.concat([noise, Buffer.from('\r\n\r\n')])),
      fc.constantFrom(
        'GET / HTTP/9.9\r\n\r\n',
        'GET\r\n\r\n',
        '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
        'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
        head(['GET /api/whoami HTTP/1.1']),
        head([`GET http://evil.example/api/whoami HTTP/1.1`, `host: ${host}`, 'connection: close']),
        head(['GET /api/whoami HTTP/1.1', `host: ${host}`, 'host: evil.example', given, 'connection: close']),
        head(['GET /api/whoami HTTP/1.1', `host: ${host}`, given, given, 'connection: close']),
        head(['GET /api/who\0ami HTTP/1.1', `host: ${host}`]),
        head(['GET /api/who\xffami HTTP/1.1', `host: ${host}`, 'connection: close']),
        head(['GET /api/whoami HTTP/1.1', `host: ${host}`, `x: ${'y'.repeat(100_000)}`]),
        head([`GET /${'z'.repeat(100_000)} HTTP/1.1`, `host: ${host}`]),
        head([post, `host: ${host}`, given, 'content-length: -1']),
        head([post, `host: ${host}`, given, 'content-length: 5', 'transfer-encoding: chunked']),
        `${head([post, `host: ${host}`, given, 'content-type: application/json', 'transfer-encoding: chunked'])}zz\r\n{}\r\n`,
        `${head([post, `host: ${host}`, given, 'content-type: application/json', 'transfer-encoding: chunked', 'connection: close'])}1\r\n{\r\n0\r\n\r\n`,
        head([
          `GET /api/runs/x/terminal HTTP/1.1`,
          `host: ${host}`,
          given,
          'connection: upgrade',
          'upgrade: websocket',
        ]),
        head([
          `GET /api/runs/${known?.id?.at(-1)}/terminal HTTP/1.1`,
          `host: ${host}`,
          given,
          'connection: upgrade',
          'upgrade: websocket',
          'sec-websocket-key: short',
        ]),
        head([
          `GET /api/whoami HTTP/1.1`,
          `host: ${host}`,
          given,
          'connection: upgrade, close',
          'upgrade: h2c',
          'http2-settings: AAA',
        ]),
        head([
          `POST /git/shop.git/git-receive-pack HTTP/1.1`,
          `host: ${host}`,
          given,
          'connection: upgrade',
          'upgrade: websocket',
        ]),
      ),
    )
    await check(
      fc.asyncProperty(bytes, async (sent) => {
        const answer = await knockRaw(platform.url, sent)
        // Without an answer the connection was ended, which is one.
        const status = answer === '' ? 400 : Number(/^HTTP\/1\.[01] (\d{3})/.exec(answer)?.[1])
        expect(status, answer.slice(0, 300)).toBeGreaterThanOrEqual(200)
        expect(status === 101 || status < 500 || status === 501, answer.slice(0, 300)).toBe(true)
      }) as never,
      200,
    )
    await mustBeWell()
  })

  test('what a terminal is told', async () => {
    const run = await platform.client.processes.run({ app: 'shop', environment: 'stage', command: 'cat' })
    const { url, headers } = platform.client.door.webSocket(`/runs/${run.id}/terminal`)
    const message = fc.oneof(
      badBody.map(String),
      fc
        .record(
          {
            type: fc.oneof(fc.constantFrom('resize', 'signal', 'end'), badText),
            columns: fc.oneof(fc.integer(), fc.constant('<1e999>')),
            rows: badText,
            name: fc.oneof(fc.constant('SIGINT'), badText),
          },
          { requiredKeys: ['type'] },
        )
        .map(toJson),
    )
    await check(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 3 }), async (messages) => {
        const socket = new WebSocket(url, { headers })
        const closed = once(socket, 'close')
        await once(socket, 'open')
        for (const one of messages) socket.send(one)
        socket.close()
        await closed
      }) as never,
    )
    await mustBeWell()
  })
})
