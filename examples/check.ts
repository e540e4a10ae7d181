/** The example, checked through its URLs as its users meet it: a mission goes through all three services. */
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

interface Mission {
  id: string
  state: string
  colour: string | null
}

const GRADED_WITHIN_MILLISECONDS = 15_000

/** How an address is asked: as `fetch` does, or at another address, as `curl --resolve` does. */
export type Get = (url: URL, body?: unknown) => Promise<{ status: number; text: string }>

const PATIENCE_MILLISECONDS = 10_000

/** `resolve`: where every name leads to; null: where the DNS says. */
export function getBy(resolve: string | null): Get {
  return (url, body) =>
    new Promise((done, fail) => {
      const headers = {
        host: url.host,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      }
      const ask = url.protocol === 'https:' ? httpsRequest : httpRequest
      const asked = ask(
        {
          ...{
            host: resolve ?? url.hostname,
            servername: url.hostname,
            port: url.port || undefined,
            path: `${url.pathname}${url.search}`,
            headers,
          },
          method: body === undefined ? 'GET' : 'POST',
          signal: AbortSignal.timeout(PATIENCE_MILLISECONDS),
        },
        (answer) =>
          void text(answer).then((said) => done({ status: answer.statusCode ?? 0, text: said }), fail),
      )
      asked.on('error', fail)
      asked.end(body === undefined ? undefined : JSON.stringify(body))
    })
}

/** `urls` by app, as the platform tells them. Throws with a sentence that names the service. */
export async function checkExample(urls: Record<string, string[]>, get: Get = getBy(null)): Promise<void> {
  async function request<T>(app: string, path: string, body?: unknown): Promise<T> {
    const answer = await get(new URL(path, address(urls, app)), body)
    if (answer.status < 200 || answer.status >= 300)
      throw new Error(`${app}: ${path} answered ${answer.status} ${answer.text}`)
    return JSON.parse(answer.text) as T
  }

  const site = `Smoke test ${Date.now()}`
  const planned = await request<Mission>('missions', '/missions', { site, inspector: 'npm start' })
  await request('missions', `/missions/${planned.id}/findings`, {
    findings: [{ severity: 'major', text: 'Railing loose' }],
  })
  const until = Date.now() + GRADED_WITHIN_MILLISECONDS
  for (;;) {
    const { state, colour } = await request<Mission>('missions', `/missions/${planned.id}`)
    if (state === 'graded') {
      if (colour !== 'yellow') throw new Error(`missions: graded ${colour}, not yellow`)
      break
    }
    if (Date.now() > until) throw new Error('missions: the worker graded nothing within 15 seconds')
    await sleep(50)
  }
  const sites = await request<{ site: string; worst: string }[]>('reports', '/sites')
  if (!sites.some((line) => line.site === site && line.worst === 'yellow')) {
    throw new Error('reports: the new mission is not in the report')
  }
  const { text: page } = await get(new URL(address(urls, 'web')))
  if (!page.includes(site)) throw new Error('web: the new mission is not on the page')
}

/** Not every program resolves *.localhost, so the address in numbers is asked for. */
function address(urls: Record<string, string[]>, app: string): string {
  const url = urls[app]?.find((one) => new URL(one).hostname === '127.0.0.1') ?? urls[app]?.[0]
  if (!url) throw new Error(`${app}: it has no URL`)
  return url
}
