import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { app, routerWith } from './test-router.ts'
import { ask, at, serviceOf } from './testing.ts'

const HOST = 'missions--mine.stage.localhost'
const PAGE = '<!doctype html><html><body><h1>Missions</h1></body></html>'
const LINE = /\n<div role="note" style="[^"<>]*">([^<]*)<\/div>\n$/
const BROWSER = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'accept-encoding': 'gzip, br' }

async function copyThat(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
  banner = 'mine, a space of ann over stage',
) {
  const copy = await app(answer)
  const started = await routerWith(
    serviceOf(
      { v1: [copy.port] },
      {
        sets: {
          v1: { endpoints: [at(copy.port, 'own')] },
          'mine/1': { endpoints: [at(copy.port)], space: 'mine' },
        },
        spaces: { mine: { hosts: [HOST], banner } },
        split: [{ match: { space: 'mine' }, weights: { 'mine/1': 1 }, hold: true }, { weights: { v1: 1 } }],
      },
    ),
  )
  const get = (headers: Record<string, string> = {}, method = 'GET') =>
    ask(started.port, { method, headers: { host: HOST, ...BROWSER, ...headers } })
  return { ...started, get }
}

const html = (body: string, headers: Record<string, string> = {}) =>
  copyThat((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html', ...headers }).end(body),
  )

describe('the line at the foot', () => {
  test('follows a page of a space, with a length that is right, and asks the app for plain bytes', async () => {
    const asked: (string | undefined)[] = []
    const { get } = await copyThat((request, response) => {
      asked.push(request.headers['accept-encoding'])
      response.writeHead(200, { 'content-type': 'text/html', 'content-length': PAGE.length }).end(PAGE)
    })
    const answer = await get()
    expect(answer.body.startsWith(PAGE)).toBe(true)
    expect(LINE.exec(answer.body)?.[1]).toBe('mine, a space of ann over stage')
    expect(Number(answer.headers['content-length'] ?? answer.body.length)).toBe(answer.body.length)
    expect(asked).toEqual(['identity'])
  })

  test('is text and nothing else, whatever it says, in every encoding', async () => {
    const { get } = await copyThat(
      (_request, response) =>
        response.writeHead(200, { 'content-type': 'text/html; charset=latin1' }).end(PAGE),
      '<script>alert("1")</script> größer',
    )
    const { body } = await get()
    expect(LINE.exec(body)?.[1]).toBe('&#60;script&#62;alert(&#34;1&#34;)&#60;/script&#62; gr&#246;&#223;er')
  })

  test('lets a page stream, and follows it when it is over', async () => {
    const release = Promise.withResolvers<void>()
    const { port } = await copyThat(async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).write('<!-- x -->\n<HTML>')
      await release.promise
      response.end('<p>late</p></HTML>')
    })
    const answer = fetchStream(port)
    expect(await answer.first).toBe('<!-- x -->\n<HTML>')
    release.resolve()
    expect(await answer.rest).toMatch(/^<p>late<\/p><\/HTML>\n<div role="note"/)
  })

  test.each([
    ['a fragment', () => html('<li>one</li>'), {}],
    ['what a script fetches', () => html(PAGE), { 'sec-fetch-dest': 'empty' }],
    ['a frame', () => html(PAGE), { 'sec-fetch-dest': 'iframe' }],
    ['a part of a page', () => html(PAGE), { 'hx-request': 'true' }],
    ['what nobody wants as HTML', () => html(PAGE), { accept: '*/*' }],
    ['JSON', () => html('{"a":"<html>"}', { 'content-type': 'application/json' }), {}],
    ['XHTML', () => html(PAGE, { 'content-type': 'application/xhtml+xml' }), {}],
    ['a page of wide letters', () => html(PAGE, { 'content-type': 'text/html; charset=utf-16le' }), {}],
    ['what must not be transformed', () => html(PAGE, { 'cache-control': 'private, no-transform' }), {}],
    ['a page with a digest', () => html(PAGE, { 'repr-digest': 'sha-256=:x:' }), {}],
  ])('is not added to %s', async (_what, open, headers: Record<string, string>) => {
    const { get } = await open()
    const { body } = await get(headers)
    expect(body).not.toContain('role="note"')
  })

  test('is not added to packed bytes, to errors, and to an answer without a body', async () => {
    const packed = gzipSync(PAGE)
    const { get } = await copyThat((request, response) => {
      const type = { 'content-type': 'text/html' }
      if (request.method === 'HEAD') response.writeHead(200, { ...type, 'content-length': 58 }).end()
      else if (request.url === '/' && request.headers['x-case'] === 'error')
        response.writeHead(500, type).end(PAGE)
      else
        response
          .writeHead(200, { ...type, 'content-encoding': 'gzip', 'content-length': packed.length })
          .end(packed)
    })
    const gzipped = await get()
    expect(Number(gzipped.headers['content-length'])).toBe(packed.length)
    expect((await get({ 'x-case': 'error' })).body).toBe(PAGE)
    expect((await get({}, 'HEAD')).headers['content-length']).toBe('58')
  })

  test('is not seen in the environment, which answers as it did', async () => {
    const { edge } = await html(PAGE)
    const { body } = await ask(edge.port, { headers: { ...edge.headers, ...BROWSER } })
    expect(body).toBe(PAGE)
  })
})

/** The first piece of an answer, and all that follows. */
function fetchStream(port: number) {
  const first = Promise.withResolvers<string>()
  const rest = Promise.withResolvers<string>()
  httpRequest({ host: '127.0.0.1', port, headers: { host: HOST, ...BROWSER } }, (answer) => {
    let later = ''
    answer.once('data', (piece) => {
      first.resolve(String(piece))
      answer.on('data', (next) => {
        later += String(next)
      })
    })
    answer.on('end', () => rest.resolve(later))
  }).end()
  return { first: first.promise, rest: rest.promise }
}
