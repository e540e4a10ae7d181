// The front end: one page, rendered here from the two services behind it.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { page } from './page.js'

const { MISSIONS_URL, REPORTS_URL, SESSION_SECRET, PORT, TOW_RELEASE = 'here' } = process.env
const FORWARDED = ['baggage', 'traceparent', 'tracestate', 'x-request-id']
const style = await readFile(new URL('public/style.css', import.meta.url))
// A form of this site carries it; a form of another site can't.
const token = createHmac('sha256', SESSION_SECRET).update('form').digest('base64url')

function context(request) {
  return Object.fromEntries(
    FORWARDED.flatMap((name) => (request.headers[name] ? [[name, request.headers[name]]] : [])),
  )
}

async function ask(request, base, path, body) {
  const answer = await fetch(new URL(path, base), {
    headers: { ...context(request), ...(body ? { 'content-type': 'application/json' } : {}) },
    signal: AbortSignal.timeout(5000),
    ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
  })
  const data = await answer.json()
  if (!answer.ok) throw new Error(data.error ?? `answered ${answer.status}`)
  return data
}

/** A service that does not answer leaves its part of the page empty, and says so. */
async function show(request, response, status, notice = null) {
  const [missions, sites] = await Promise.allSettled([
    ask(request, MISSIONS_URL, '/missions'),
    ask(request, REPORTS_URL, '/sites'),
  ])
  const broken = [missions, sites].find((part) => part.status === 'rejected')
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(
    page({
      missions: missions.value ?? [],
      sites: sites.value ?? [],
      token,
      release: TOW_RELEASE,
      notice: notice ?? (broken ? `Something is missing: ${broken.reason.message}` : null),
    }),
  )
}

async function plan(request, response) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > 10_000) return show(request, response, 413, 'That was too much.')
  }
  const form = new URLSearchParams(text)
  const given = Buffer.from(form.get('token') ?? '')
  if (given.length !== token.length || !timingSafeEqual(given, Buffer.from(token))) {
    return show(request, response, 403, 'The form was not sent from this page.')
  }
  try {
    await ask(request, MISSIONS_URL, '/missions', {
      site: form.get('site'),
      inspector: form.get('inspector'),
    })
  } catch (error) {
    return show(request, response, 400, error.message)
  }
  response.writeHead(303, { location: '/' }).end()
}

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, 'http://web')
  try {
    if (pathname === '/healthz') response.end('ok')
    else if (pathname === '/style.css') response.writeHead(200, { 'content-type': 'text/css' }).end(style)
    else if (pathname === '/') await show(request, response, 200)
    else if (pathname === '/missions' && request.method === 'POST') await plan(request, response)
    else await show(request, response, 404, 'There is no such page.')
  } catch (error) {
    console.error(`${request.method} ${pathname}: ${error.message}`)
    if (!response.headersSent) response.writeHead(500).end('Something went wrong.')
  }
})

server.listen(PORT, () => console.log(`web listens on ${PORT}`))
process.on('SIGTERM', () => {
  server.close()
  server.closeIdleConnections()
})
