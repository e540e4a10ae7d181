import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type ClientHttp2Session,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2'
import { connect as connectRaw } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createRouter, type RequestRecord, type RouterOptions, type Service } from './router.ts'
import { at, eventually, freePort, readAll, serviceOf, startApp, startGrpcApp } from './testing.ts'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

async function routerWith(service: Service, options: RouterOptions = {}) {
  const records: RequestRecord[] = []
  const router = createRouter({ onDone: (record) => records.push(record), ...options })
  ends.push(() => router.close({ graceMs: 0 }))
  const set = (next: Service) => router.update({ services: { 'stage/missions': next } })
  set(service)
  const { port } = await router.listenEdge({ host: '127.0.0.1', port: 0 })
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  ends.push(async () => session.destroy())
  return { router, records, set, session, port }
}

async function app(answer: (request: IncomingMessage, response: ServerResponse) => unknown) {
  const started = await startApp(answer as never)
  ends.push(started.close)
  return started.port
}

async function grpcApp(answer: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void) {
  const started = await startGrpcApp(answer)
  ends.push(started.close)
  return started.port
}

function open(session: ClientHttp2Session, headers: OutgoingHttpHeaders = {}, options = {}) {
  const stream = session.request(
    { ':path': '/', ':authority': 'missions.stage.localhost', ...headers },
    options,
  )
  stream.on('error', () => {})
  return stream
}

async function ask(session: ClientHttp2Session, headers: OutgoingHttpHeaders = {}, body?: string) {
  const stream = open(session, headers, { endStream: body === undefined })
  let trailers: IncomingHttpHeaders = {}
  stream.on('trailers', (received) => {
    trailers = received
  })
  if (body !== undefined) stream.end(body)
  const [head, flags] = (await once(stream, 'response')) as [IncomingHttpHeaders, number]
  let text = ''
  for await (const chunk of stream) text += chunk
  return {
    head,
    status: head[':status'],
    text,
    trailers,
    isHeadAlone: (flags & 1) === 1,
    code: stream.rstCode,
  }
}

const grpc = { ':method': 'POST', 'content-type': 'application/grpc+proto', te: 'trailers' }

describe('HTTP/2 on the port of HTTP/1', () => {
  test('a request reaches an app of HTTP/1 with its host, path, cookies, body and trailers, and so does the answer', async () => {
    const port = await app(async (request, response) => {
      response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'], trailer: 'x-sum', connection: 'close' })
      const body = await readAll(request)
      response.write(JSON.stringify({ url: request.url, headers: request.headers, body }))
      response.addTrailers({ 'x-sum': String(body.length) })
      response.end()
    })
    const { session } = await routerWith(serviceOf({ v1: [port] }))
    const headers = { ':method': 'PUT', ':path': '/a?b=c', cookie: ['x=1', 'y=2'], 'x-own': 'yes' }
    const answer = await ask(session, headers, 'hello')
    expect(answer.status).toBe(201)
    expect(answer.head['set-cookie']).toEqual(['a=1', 'b=2'])
    expect(answer.head).not.toHaveProperty('connection')
    expect(answer.trailers['x-sum']).toBe('5')
    const seen = JSON.parse(answer.text)
    expect(seen).toMatchObject({ url: '/a?b=c', body: 'hello' })
    expect(seen.headers).toMatchObject({
      host: 'missions.stage.localhost',
      cookie: 'x=1; y=2',
      'x-own': 'yes',
      'x-forwarded-for': '127.0.0.1',
    })
  })

  test('answers without a body and requests with a length are served', async () => {
    const port = await app(async (request, response) => {
      if (request.url === '/204') response.writeHead(204).end()
      else
        response
          .writeHead(200, { 'content-length': 5, 'x-length': request.headers['content-length'] ?? '' })
          .end('hello')
    })
    const { session } = await routerWith(serviceOf({ v1: [port] }))
    expect(await ask(session, { ':path': '/204' })).toMatchObject({ status: 204, text: '' })
    const head = await ask(session, { ':method': 'HEAD' })
    expect(head).toMatchObject({ status: 200, text: '' })
    expect(head.head['content-length']).toBe('5')
    const sized = await ask(session, { ':method': 'POST', 'content-length': 3 }, 'abc')
    expect(sized.head['x-length']).toBe('3')
  })

  test('the protocols are told apart however the first bytes arrive', async () => {
    const { port } = await routerWith(
      serviceOf({ v1: [await app((_request, response) => response.end('ok'))] }),
    )
    const talk = async (parts: string[]) => {
      const socket = connectRaw({ port, host: '127.0.0.1', noDelay: true })
      for (const part of parts) {
        socket.write(part, 'latin1')
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      const [answer] = (await once(socket, 'data')) as [Buffer]
      socket.destroy()
      return answer
    }
    const head = 'UT / HTTP/1.1\r\nHost: missions.stage.localhost\r\nContent-Length: 0\r\n\r\n'
    expect((await talk(['P', head])).toString()).toMatch(/^HTTP\/1.1 200 OK/)
    const settings = '\0\0\0\x04\0\0\0\0\0'
    const frame = await talk(['P', 'R', 'I * HTTP/2.0\r\n\r\nSM\r\n', `\r\n${settings}`])
    // The fourth byte of a frame is its type: the server's settings come first.
    expect(frame[3]).toBe(4)
  })

  test('failures are pages, and CONNECT is refused', async () => {
    const { session } = await routerWith(serviceOf({ v1: [await freePort()] }))
    const refused = await ask(session)
    expect(refused.status).toBe(502)
    expect(refused.text).toContain('missions (stage) accepted no connection.')
    expect((await ask(session, { ':authority': 'nope.localhost' })).status).toBe(404)
    const tunnel = session.request({ ':method': 'CONNECT', ':authority': 'missions.stage.localhost:1' })
    const [head] = (await once(tunnel, 'response')) as [IncomingHttpHeaders]
    expect(head[':status']).toBe(405)
    tunnel.destroy()
  })

  test('a client that resets its stream ends the work of the app', async () => {
    const asked = Promise.withResolvers<ServerResponse>()
    const port = await app((_request, response) => {
      response.write('data: 1\n\n')
      asked.resolve(response)
    })
    const { session, records } = await routerWith(serviceOf({ v1: [port] }))
    const stream = open(session)
    const response = await asked.promise
    stream.close(constants.NGHTTP2_CANCEL)
    await once(response, 'close')
    await eventually(() => records[0]).toMatchObject({ status: 499 })
  })

  test('an answer that breaks off resets the stream', async () => {
    const port = await app((_request, response) => {
      response.write('half')
      setImmediate(() => response.destroy())
    })
    const { session } = await routerWith(serviceOf({ v1: [port] }))
    const stream = open(session)
    stream.resume()
    await new Promise((resolve) => stream.once('close', resolve))
    expect(stream.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR)
  })

  test('a body that its client cuts off is cut off for the app, never ended as if whole', async () => {
    const ended = Promise.withResolvers<string>()
    const port = await app((request) => {
      request.on('end', () => ended.resolve('whole'))
      request.on('error', () => ended.resolve('cut'))
      request.once('data', () => stream.close(constants.NGHTTP2_CANCEL))
    })
    const grpcEnded = Promise.withResolvers<number>()
    const grpcPort = await grpcApp((atApp) => {
      atApp.on('error', () => {})
      atApp.on('close', () => grpcEnded.resolve(atApp.rstCode))
      atApp.on('end', () => grpcEnded.resolve(atApp.rstCode))
      atApp.once('data', () => call.close(constants.NGHTTP2_CANCEL))
    })
    const { session, set } = await routerWith(serviceOf({ v1: [port] }))
    const stream = open(session, { ':method': 'POST' }, { endStream: false, waitForTrailers: true })
    stream.write('half')
    expect(await ended.promise).toBe('cut')
    set(serviceOf({ v1: [grpcPort] }))
    const call = open(session, grpc, { endStream: false, waitForTrailers: true })
    call.write('half')
    expect(await grpcEnded.promise).toBe(constants.NGHTTP2_CANCEL)
  })

  test('closing sends GOAWAY and lets the request under way finish', async () => {
    const asked = Promise.withResolvers<ServerResponse>()
    const port = await app((_request, response) => asked.resolve(response))
    const { session, router } = await routerWith(serviceOf({ v1: [port] }))
    const answer = ask(session)
    const response = await asked.promise
    const goaway = once(session, 'goaway')
    const closed = router.close()
    await goaway
    response.end('whole')
    expect(await answer).toMatchObject({ status: 200, text: 'whole' })
    await closed
  })
})

describe('gRPC', () => {
  const echo = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    if (headers['x-refuse']) {
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '7' },
        { endStream: true },
      )
      return
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-te': String(headers.te) }))
    stream.pipe(stream)
  }

  test('message, status and trailers arrive, also where the head is the whole answer', async () => {
    const { session } = await routerWith(serviceOf({ v1: [await grpcApp(echo)] }))
    const answer = await ask(session, grpc, '\0\0\0\0\x02hi')
    expect(answer).toMatchObject({ status: 200, text: '\0\0\0\0\x02hi', code: 0 })
    expect(answer.trailers).toMatchObject({ 'grpc-status': '0', 'x-te': 'trailers' })
    const refused = await ask(session, { ...grpc, 'x-refuse': '1' }, 'x')
    expect(refused.isHeadAlone).toBe(true)
    expect(refused.head['grpc-status']).toBe('7')
  })

  test('both sides talk at the same time on one call', async () => {
    const { session, router } = await routerWith(serviceOf({ v1: [await grpcApp(echo)] }))
    const stream = open(session, grpc, { endStream: false })
    stream.setEncoding('latin1')
    for (const word of ['one', 'two', 'three']) {
      stream.write(word)
      expect((await once(stream, 'data'))[0]).toBe(word)
    }
    expect(router.inFlight('stage/missions', 'v1')).toBe(1)
    stream.end()
    const [trailers] = (await once(stream, 'trailers')) as [IncomingHttpHeaders]
    expect(trailers['grpc-status']).toBe('0')
    await eventually(() => router.inFlight('stage/missions', 'v1')).toBe(0)
  })

  test('a call that is cancelled is cancelled at the app', async () => {
    const called = Promise.withResolvers<ServerHttp2Stream>()
    const port = await grpcApp((stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
      stream.on('error', () => {})
      called.resolve(stream)
    })
    const { session } = await routerWith(serviceOf({ v1: [port] }))
    const stream = open(session, grpc, { endStream: false })
    const atApp = await called.promise
    stream.close(constants.NGHTTP2_CANCEL)
    await new Promise((resolve) => atApp.once('close', resolve))
    expect(atApp.rstCode).toBe(constants.NGHTTP2_CANCEL)
  })

  test('failures of the router are statuses, in a head alone', async () => {
    const { session, set } = await routerWith(
      serviceOf({}, { notice: { code: 'x', message: 'It is 100 % gone.' } }),
    )
    const nothing = await ask(session, grpc, 'x')
    expect(nothing.isHeadAlone).toBe(true)
    expect(nothing.head).toMatchObject({
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-status': '14',
      'grpc-message': 'It is 100 %25 gone.',
    })
    set(serviceOf({ v1: [await freePort()] }))
    expect((await ask(session, grpc, 'x')).head['grpc-status']).toBe('14')
    expect((await ask(session, { ...grpc, ':authority': 'nope' }, 'x')).head['grpc-status']).toBe('12')
  })

  test('an app that never answers is a deadline that passed; one that dies in the middle tells its status in trailers', async () => {
    const port = await grpcApp((stream, headers) => {
      stream.on('error', () => {})
      if (headers['x-die']) {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
        stream.write('half', () => stream.session?.destroy())
      }
    })
    const { session } = await routerWith(serviceOf({ v1: [port] }), { limits: { answerMs: 1_000 } })
    expect((await ask(session, grpc, 'x')).head['grpc-status']).toBe('4')
    const broken = await ask(session, { ...grpc, 'x-die': '1' }, 'x')
    expect(broken.text).toBe('half')
    expect(broken.trailers['grpc-status']).toBe('14')
  })

  test('a service that moves to the next set does so for the next call on the same connection', async () => {
    const named = (name: string) =>
      grpcApp((stream) => {
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
        stream.on('data', (chunk) => stream.write(`${name}:${chunk}`))
        stream.on('end', () => stream.end())
      })
    const [v1, v2] = [await named('v1'), await named('v2')]
    const { session, set, router } = await routerWith(serviceOf({ v1: [v1] }))
    const old = open(session, grpc, { endStream: false })
    old.setEncoding('latin1')
    old.write('a')
    expect((await once(old, 'data'))[0]).toBe('v1:a')
    set(serviceOf({ v1: [v1], v2: [v2] }, { split: [{ weights: { v2: 1 } }] }))
    const drained = router.drain(at(v1).id)
    expect((await ask(session, grpc, 'x')).text).toBe('v2:x')
    old.write('b')
    expect((await once(old, 'data'))[0]).toBe('v1:b')
    old.end()
    expect(await drained).toEqual({ left: 0 })
    await router.drain(at(v2).id)
  })
})
