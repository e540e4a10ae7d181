/** The example, checked through its URLs as its users meet it: a mission goes through all three services. */
import { setTimeout as sleep } from 'node:timers/promises'

interface Mission {
  id: string
  state: string
  colour: string | null
}

const GRADED_WITHIN_MILLISECONDS = 15_000

/** `urls` by app, as the platform tells them. Throws with a sentence that names the service. */
export async function checkExample(urls: Record<string, string[]>): Promise<void> {
  const site = `Smoke test ${Date.now()}`
  const planned = await request<Mission>(urls, 'missions', '/missions', { site, inspector: 'npm start' })
  await request(urls, 'missions', `/missions/${planned.id}/findings`, {
    findings: [{ severity: 'major', text: 'Railing loose' }],
  })
  const until = Date.now() + GRADED_WITHIN_MILLISECONDS
  for (;;) {
    const { state, colour } = await request<Mission>(urls, 'missions', `/missions/${planned.id}`)
    if (state === 'graded') {
      if (colour !== 'yellow') throw new Error(`missions: graded ${colour}, not yellow`)
      break
    }
    if (Date.now() > until) throw new Error('missions: the worker graded nothing within 15 seconds')
    await sleep(50)
  }
  const sites = await request<{ site: string; worst: string }[]>(urls, 'reports', '/sites')
  if (!sites.some((line) => line.site === site && line.worst === 'yellow')) {
    throw new Error('reports: the new mission is not in the report')
  }
  const page = await (await fetch(address(urls, 'web'))).text()
  if (!page.includes(site)) throw new Error('web: the new mission is not on the page')
}

/** Not every program resolves *.localhost, so the address in numbers is asked for. */
function address(urls: Record<string, string[]>, app: string): string {
  const url = urls[app]?.find((one) => new URL(one).hostname === '127.0.0.1') ?? urls[app]?.[0]
  if (!url) throw new Error(`${app}: it has no URL`)
  return url
}

async function request<T>(
  urls: Record<string, string[]>,
  app: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const answer = await fetch(new URL(path, address(urls, app)), {
    signal: AbortSignal.timeout(10_000),
    ...(body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  if (!answer.ok) throw new Error(`${app}: ${path} answered ${answer.status} ${await answer.text()}`)
  return (await answer.json()) as T
}
