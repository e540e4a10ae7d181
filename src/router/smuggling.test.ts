import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRouter, type Router } from './router.ts'
import { type App, rawExchange, readAll, serviceOf, startApp } from './testing.ts'

/**
 * Requests on whose end two readers could disagree. Whatever the router lets through, the app must see exactly the
 * request that the router saw: never a second one that hid in the first.
 */
let app: App
let router: Router
let port: number
const seen: string[] = []

beforeAll(async () => {
  app = await startApp(async (request: IncomingMessage, response: ServerResponse) => {
    const body = await readAll(request).catch(() => '')
    seen.push(`${request.method} ${request.url} ${body}`)
    response.end(`saw:${request.method} ${request.url} ${body};`)
  })
  router = createRouter({ limits: { headMs: 1_000, bodyIdleMs: 300 } })
  router.update({ services: { 'stage/missions': serviceOf({ v1: [app.port] }) } })
  port = (await router.listenEdge({ host: '127.0.0.1', port: 0 })).port
})
afterAll(async () => {
  await router.close({ graceMs: 0 })
  await app.close()
})

const HOST = 'Host: missions.stage.localhost\r\n'
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: missions.stage.localhost\r\n\r\n'

const refused: [string, string][] = [
  [
    'a length and chunks',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  [
    'chunks and a length',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  [
    'two lengths that differ',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 0\r\nContent-Length: 63\r\n\r\n${SMUGGLED}`,
  ],
  ['two lengths that agree', `POST / HTTP/1.1\r\n${HOST}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`],
  ['a list of lengths', `POST / HTTP/1.1\r\n${HOST}Content-Length: 1, 1\r\n\r\nx`],
  ['a negative length', `POST / HTTP/1.1\r\n${HOST}Content-Length: -1\r\n\r\n`],
  ['a signed length', `POST / HTTP/1.1\r\n${HOST}Content-Length: +1\r\n\r\nx`],
  ['a hexadecimal length', `POST / HTTP/1.1\r\n${HOST}Content-Length: 0x1\r\n\r\nx`],
  [
    'a length too large for any number',
    `POST / HTTP/1.1\r\n${HOST}Content-Length: 99999999999999999999999\r\n\r\nx`,
  ],
  ['an empty length', `POST / HTTP/1.1\r\n${HOST}Content-Length: \r\n\r\n`],
  ['an unknown transfer encoding', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: gzip\r\n\r\n${SMUGGLED}`],
  [
    'chunked that is not last',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  [
    'chunked twice',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  ],
  [
    'chunked that is misspelt',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  [
    'chunked behind a vertical tab',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  [
    'a space before the colon',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
  ['a folded header', `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
  ['a header line that begins with a space', `GET / HTTP/1.1\r\n Host: missions.stage.localhost\r\n\r\n`],
  ['a header without a name', `GET / HTTP/1.1\r\n${HOST}: x\r\n\r\n`],
  ['a header without a colon', `GET / HTTP/1.1\r\n${HOST}Nonsense\r\n\r\n`],
  ['a bare line feed after a header', `GET / HTTP/1.1\r\nHost: missions.stage.localhost\nX: y\r\n\r\n`],
  ['a bare carriage return in a header', `GET / HTTP/1.1\r\n${HOST}X: a\rb\r\n\r\n`],
  ['a zero byte in a header', `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`],
  [
    'a chunk size that is no number',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n`,
  ],
  [
    'a chunk size with a prefix',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n`,
  ],
  [
    'a chunk longer than it says',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n`,
  ],
  [
    'a chunk that ends with a bare line feed',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n`,
  ],
  [
    'a chunk size that ends with a bare line feed',
    `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n`,
  ],
  ['two hosts', `GET / HTTP/1.1\r\n${HOST}Host: other\r\n\r\n`],
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['an absolute target that differs from the host', `GET http://other/ HTTP/1.1\r\n${HOST}\r\n`],
  ['a target that is no path', `GET missions HTTP/1.1\r\n${HOST}\r\n`],
  ['a space in the target', `GET /a b HTTP/1.1\r\n${HOST}\r\n`],
  ['an unknown method', `SMUGGLE / HTTP/1.1\r\n${HOST}\r\n`],
  ['an unknown protocol', `GET / HTTQ/1.1\r\n${HOST}\r\n`],
  ['a version that does not exist', `GET / HTTP/1.9\r\n${HOST}\r\n`],
  ['a tunnel', `CONNECT missions.stage.localhost:80 HTTP/1.1\r\n${HOST}\r\n`],
  [
    'chunks in HTTP/1.0 with a length',
    `POST / HTTP/1.0\r\n${HOST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
  ],
]

describe('requests that two readers could understand in two ways', () => {
  test.each(refused)('%s: refused, and nothing behind it is served', async (_name, bytes) => {
    seen.length = 0
    const answer = await rawExchange(port, bytes)
    expect(answer).toMatch(/^HTTP\/1\.1 (?:400|404|405|413|501|505) /)
    expect(answer).not.toContain('/smuggled')
    expect(seen.filter((request) => request.includes('/smuggled'))).toEqual([])
  })

  const served: [string, string, string][] = [
    [
      'an absolute target that agrees with the host',
      `GET http://missions.stage.localhost/a?b HTTP/1.1\r\n${HOST}\r\n`,
      'GET /a?b ',
    ],
    [
      'odd case of chunked',
      `POST /c HTTP/1.1\r\n${HOST}Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
      'POST /c abc',
    ],
    [
      'a chunk extension',
      `POST /c HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n`,
      'POST /c abc',
    ],
    ['a GET with a body', `GET /g HTTP/1.1\r\n${HOST}Content-Length: 3\r\n\r\nabc`, 'GET /g abc'],
    [
      'a DELETE with chunks',
      `DELETE /d HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
      'DELETE /d abc',
    ],
    [
      'a length that its Connection header names',
      `POST /n HTTP/1.1\r\n${HOST}Connection: content-length\r\nContent-Length: 3\r\n\r\nabc`,
      'POST /n abc',
    ],
    ['the whole server', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 'OPTIONS * '],
  ]
  test.each(served)('%s: served, and the app sees the same', async (_name, bytes, expected) => {
    seen.length = 0
    expect(await rawExchange(port, bytes, (text) => text.includes(';'))).toContain(`saw:${expected};`)
    expect(seen).toEqual([expected])
  })

  test('requests sent at once are answered in their order, each with its own answer', async () => {
    const three = ['/1', '/2', '/3'].map((path) => `GET ${path} HTTP/1.1\r\n${HOST}\r\n`).join('')
    const text = await rawExchange(port, three, (so) => so.includes('/3 ;'))
    expect(text.match(/saw:GET \/\d/g)).toEqual(['saw:GET /1', 'saw:GET /2', 'saw:GET /3'])
  })
})
