// Reads missions from the service next door; keeps nothing.
import { createServer } from 'node:http'
import { summarise } from './summary.js'

const MISSIONS_URL = process.env.MISSIONS_URL
const FORWARDED = ['baggage', 'traceparent', 'tracestate', 'x-request-id']

/** What a caller says of its trace goes on with the call. */
function context(request) {
  return Object.fromEntries(
    FORWARDED.flatMap((name) => (request.headers[name] ? [[name, request.headers[name]]] : [])),
  )
}

const server = createServer(async (request, response) => {
  const json = (status, body) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  if (request.url === '/healthz') return json(200, { ok: true })
  if (request.url !== '/sites') return json(404, { error: 'not found' })
  try {
    const answer = await fetch(new URL('/missions', MISSIONS_URL), {
      headers: context(request),
      signal: AbortSignal.timeout(5000),
    })
    if (!answer.ok) throw new Error(`missions answered ${answer.status}`)
    json(200, summarise(await answer.json()))
  } catch (error) {
    console.error(`no report: ${error.message}`)
    json(502, { error: 'missions does not answer' })
  }
})

server.listen(process.env.PORT, () => console.log(`reports listens on ${process.env.PORT}`))
process.on('SIGTERM', () => {
  server.close()
  server.closeIdleConnections()
})
