import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRouter, type Router } from './router.ts'
import { type App, rawExchange, readAll, serviceOf, startApp } from './testing.ts'

/**
 * Every byte in every place of a framing header, and HTTP/2 requests that carry HTTP/1 inside: the ways that are known
 * to make two readers disagree, walked one by one. The app answers with what it saw; what hid must never be in it.
 */
let app: App
let router: Router
let port: number
let seen: string[] = []

beforeAll(async () => {
  app = await startApp(async (request, response) => {
    const body = await readAll(request).catch(() => '')
    seen.push(`${request.method} ${request.url} ${body} ${request.rawHeaders.join(' ')}`)
    response.end('seen;')
  })
  router = createRouter({ limits: { headMs: 1_000, bodyIdleMs: 500 } })
  router.update({ services: { 'stage/missions': serviceOf({ v1: [app.port] }) } })
  port = (await router.listenEdge({ host: '127.0.0.1', port: 0 })).port
})
afterAll(async () => {
  await router.close({ graceMs: 0 })
  await app.close()
})

const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: missions.stage.localhost\r\nX-Injected: 1\r\n\r\n'

/** The hidden part may be seen as text of a body, and nowhere else. */
function expectNothingHidden(): void {
  for (const request of seen) {
    expect(request).not.toMatch(/^\S+ \/hidden/)
    expect(request.replace(HIDDEN, '')).not.toMatch(/x-injected/i)
  }
}

describe('every byte in every place of a framing header', () => {
  const places: [string, (byte: string) => string][] = [
    ['before the name', (byte) => `${byte}Transfer-Encoding: chunked`],
    ['within the name', (byte) => `Transfer${byte}Encoding: chunked`],
    ['behind the name', (byte) => `Transfer-Encoding${byte}: chunked`],
    ['instead of the space', (byte) => `Transfer-Encoding:${byte}chunked`],
    ['within the value', (byte) => `Transfer-Encoding: chu${byte}nked`],
    ['behind the value', (byte) => `Transfer-Encoding: chunked${byte}`],
    ['in a header before it', (byte) => `X: y${byte}Transfer-Encoding: chunked`],
    ['in the other length', (byte) => `Transfer-Encoding: chunked\r\nContent-Length:${byte}5`],
  ]
  test.each(places)('%s: whoever reads it, the app sees one request or none', async (_name, header) => {
    for (let from = 0; from < 256; from += 32) {
      await Promise.all(
        Array.from({ length: 32 }, async (_, step) => {
          const line = header(String.fromCharCode(from + step))
          // By its length the body is all that follows; by its chunks it ends at once, and a second request follows.
          const body = `0\r\n\r\n${HIDDEN}`
          const head = `POST /outer HTTP/1.1\r\nHost: missions.stage.localhost\r\nConnection: close\r\n`
          const length = line.includes('Content-Length') ? '' : `Content-Length: ${body.length}\r\n`
          const answer = await rawExchange(port, `${head}${length}${line}\r\n\r\n${body}`)
          expect(answer.match(/^HTTP\/1\.1 \d+ /gm) ?? [], JSON.stringify(line)).toHaveLength(1)
        }),
      )
    }
    expectNothingHidden()
    seen = []
  })
})

const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, goAway: 7 }
const END_STREAM = 1
const END_HEADERS = 4

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Fields as they are, by no table and unpacked, so that nothing corrects them. */
function fields(list: [string, string][]): Buffer {
  const text = (value: string) => [Buffer.from([value.length]), Buffer.from(value, 'latin1')]
  return Buffer.concat(list.flatMap(([name, value]) => [Buffer.from([0]), ...text(name), ...text(value)]))
}

/** One request in bare frames; settles when it was answered or refused. */
function speakHttp2(list: [string, string][], body: string | null): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
      socket.write(frame(FRAME.settings, 0, 0, Buffer.alloc(0)))
      socket.write(frame(FRAME.headers, END_HEADERS | (body === null ? END_STREAM : 0), 1, fields(list)))
      if (body !== null) socket.write(frame(FRAME.data, END_STREAM, 1, Buffer.from(body, 'latin1')))
    })
    let read = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      read = Buffer.concat([read, chunk])
      while (read.length >= 9 && read.length >= 9 + read.readUIntBE(0, 3)) {
        const [type, flags, stream] = [read[3]!, read[4]!, read.readUInt32BE(5)]
        read = read.subarray(9 + read.readUIntBE(0, 3))
        const isOver = type === FRAME.reset || type === FRAME.goAway
        const isAnswered = stream === 1 && type <= FRAME.headers && (flags & END_STREAM) !== 0
        if (isOver || isAnswered) socket.destroy()
      }
    })
    socket.on('close', () => resolve())
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve() : reject(error),
    )
  })
}

describe('HTTP/1 inside HTTP/2', () => {
  const pseudo = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': '/outer',
    ':authority': 'missions.stage.localhost',
  }
  const request = (over: Partial<typeof pseudo>, ...more: [string, string][]) => [
    ...Object.entries({ ...pseudo, ...over }),
    ...more,
  ]
  const cases: [string, [string, string][]][] = [
    ['a length shorter than the body', request({}, ['content-length', '0'])],
    ['a length longer than the body', request({}, ['content-length', '4000'])],
    ['two lengths', request({}, ['content-length', '0'], ['content-length', String(HIDDEN.length)])],
    ['a signed length', request({}, ['content-length', `+${HIDDEN.length}`])],
    ['a transfer encoding', request({}, ['transfer-encoding', 'chunked'])],
    ['a connection header', request({}, ['connection', 'transfer-encoding, content-length'])],
    ['an upgrade', request({}, ['connection', 'upgrade'], ['upgrade', 'websocket'])],
    ['a line break in a value', request({}, ['x', `a\r\nx-injected: 1`])],
    ['a line feed in a value', request({}, ['x', `a\nx-injected: 1`])],
    ['a carriage return in a value', request({}, ['x', `a\rx-injected: 1`])],
    ['a zero byte in a value', request({}, ['x', `a\0x-injected: 1`])],
    ['a line break in a name', request({}, ['x: a\r\nx-injected', '1'])],
    ['a colon in a name', request({}, ['transfer-encoding: chunked\r\nx-injected', '1'])],
    ['a space in a name', request({}, ['transfer-encoding ', 'chunked'])],
    ['capitals in a name', request({}, ['Transfer-Encoding', 'chunked'])],
    ['an empty name', request({}, ['', 'x-injected'])],
    ['a request line in the path', request({ ':path': '/hidden HTTP/1.1\r\nx-injected: 1\r\n\r\n' })],
    ['a space in the path', request({ ':path': '/a HTTP/1.1' })],
    ['no path', request({ ':path': '' })],
    ['another host in the path', request({ ':path': 'http://other.localhost/hidden' })],
    ['a request line in the method', request({ ':method': 'GET /hidden HTTP/1.1\r\nx-injected: 1\r\n\r\n' })],
    ['a header in the authority', request({ ':authority': 'missions.stage.localhost\r\nx-injected: 1' })],
    ['a header in the scheme', request({ ':scheme': 'http\r\nx-injected: 1' })],
    ['two authorities', request({}, [':authority', 'other'])],
    ['two paths', [[':path', '/hidden'], ...request({})]],
    ['a pseudo header behind others', request({}, ['x', 'y'], [':path', '/hidden'])],
    ['a pseudo header that does not exist', request({}, [':hidden', '1'])],
    ['a host that differs', request({}, ['host', 'other.localhost'])],
  ]
  test.each(cases)('%s: the app sees one request or none', async (_name, list) => {
    seen = []
    for (const body of [HIDDEN, `0\r\n\r\n${HIDDEN}`]) await speakHttp2(list, body)
    await speakHttp2(list, null)
    expect(seen.filter((line) => !line.startsWith('POST /outer'))).toEqual([])
    expectNothingHidden()
  })

  test('the frames of this test are sound: without a fault the request arrives with its body', async () => {
    seen = []
    await speakHttp2(request({}, ['x', 'y']), 'body')
    expect(seen).toEqual([expect.stringMatching(/^POST \/outer body x y /)])
  })
})
