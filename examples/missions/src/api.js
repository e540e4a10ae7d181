// The HTTP side: JSON in, JSON out.
import { createServer } from 'node:http'
import { refuseFindings, refuseMission } from './rules.js'

const BODY_LIMIT = 100_000

export function createApi(store) {
  const routes = [
    ['GET', /^\/healthz$/, health],
    [
      'GET',
      /^\/missions$/,
      async ({ query }) => ({ status: 200, body: await store.list({ site: query.get('site') }) }),
    ],
    ['POST', /^\/missions$/, planMission],
    ['GET', /^\/missions\/(\d{1,15})$/, async ({ id }) => found(await store.get(id))],
    ['POST', /^\/missions\/(\d{1,15})\/findings$/, submitFindings],
  ]

  async function health() {
    await store.ready()
    return { status: 200, body: { ok: true } }
  }

  async function planMission({ body }) {
    const refusal = refuseMission(body)
    if (refusal) return { status: 400, body: { error: refusal } }
    return { status: 201, body: await store.plan(body) }
  }

  async function submitFindings({ id, body }) {
    const refusal = refuseFindings(body?.findings)
    if (refusal) return { status: 400, body: { error: refusal } }
    const mission = await store.submit(id, body.findings)
    if (mission) return { status: 202, body: mission }
    return (await store.get(id)) ? { status: 409, body: { error: 'submitted before' } } : found(null)
  }

  return createServer(async (request, response) => {
    const url = new URL(request.url, 'http://missions')
    let answer
    try {
      answer = await handle(request, url)
    } catch (error) {
      console.error(`${request.method} ${url.pathname}: ${error.message}`)
      answer = { status: 503, body: { error: 'the database does not answer' } }
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
  })

  async function handle(request, url) {
    const here = routes.filter(([, pattern]) => pattern.test(url.pathname))
    if (here.length === 0) return found(null)
    const route = here.find(([method]) => method === request.method)
    if (!route) return { status: 405, body: { error: `not ${request.method}` } }
    const [, pattern, handler] = route
    const body = request.method === 'POST' ? await readJson(request) : undefined
    if (body === null) return { status: 400, body: { error: `a JSON body of at most ${BODY_LIMIT} bytes` } }
    return handler({ id: pattern.exec(url.pathname)[1], query: url.searchParams, body })
  }
}

function found(mission) {
  return mission ? { status: 200, body: mission } : { status: 404, body: { error: 'not found' } }
}

/** Null for anything that is no JSON or too long. */
async function readJson(request) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > BODY_LIMIT) return null
  }
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
