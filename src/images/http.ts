/** One exchange with a registry: repeated where that helps, redirected without telling secrets to strangers. */
import { setTimeout as wait } from 'node:timers/promises'
import { isAboutTrust, refusals } from './messages.ts'

export interface HttpRequest {
  method: string
  url: URL
  headers?: Record<string, string>
  body?: Uint8Array
  /** False where a second time is not the same as the first; then only what was refused for haste is sent again. */
  repeats?: boolean
  signal?: AbortSignal | undefined
}

const ATTEMPTS = 5
const REDIRECTS = 5
const FIRST_PAUSE = 200
const LONGEST_PAUSE = 30_000
/** Worth another attempt: it may be better in a moment. */
const TRANSIENT = new Set([408, 429, 500, 502, 503, 504])

/** Throws UNAVAILABLE where nobody answers; every answer that is not transient is given back, whatever it says. */
export async function send(request: HttpRequest): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const isLast = attempt === ATTEMPTS
    let pause = pauseBefore(attempt)
    try {
      const response = await follow(request)
      const helps = request.repeats === false ? response.status === 429 : TRANSIENT.has(response.status)
      if (!helps || isLast) return response
      pause = readRetryAfter(response.headers.get('retry-after'), Date.now()) ?? pause
      await discard(response)
    } catch (error) {
      request.signal?.throwIfAborted()
      if (!isNetworkFailure(error)) throw error
      if (isLast || request.repeats === false || isAboutTrust(error))
        throw refusals.unreachable(request.url.host, error)
    }
    await wait(pause, undefined, { signal: request.signal })
  }
}

/** Doubling, and spread, so that many clients do not come back at once. Milliseconds. */
export function pauseBefore(attempt: number): number {
  return Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2)
}

/** Seconds or a date, as milliseconds from now; null where it says nothing. Bounded: a registry cannot make us wait for ever. */
export function readRetryAfter(value: string | null, now: number): number | null {
  if (value === null) return null
  const milliseconds = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now
  if (Number.isNaN(milliseconds)) return null
  return Math.max(0, Math.min(LONGEST_PAUSE, milliseconds))
}

async function follow(request: HttpRequest): Promise<Response> {
  let { url } = request
  let headers = request.headers ?? {}
  for (let redirects = 0; redirects <= REDIRECTS; redirects++) {
    const response = await fetch(url, {
      method: request.method,
      headers,
      body: (request.body as Uint8Array<ArrayBuffer> | undefined) ?? null,
      redirect: 'manual',
      signal: request.signal ?? null,
    })
    const location = response.headers.get('location')
    if (!isRedirect(response.status, request.method) || location === null) return response
    await discard(response)
    const next = new URL(location, url)
    if (url.protocol === 'https:' && next.protocol !== 'https:') throw refusals.downgrade(request.url.host)
    if (next.origin !== url.origin) headers = withoutAuthorization(headers)
    url = next
  }
  throw refusals.redirects(request.url.host)
}

function isRedirect(status: number, method: string): boolean {
  if (status === 307 || status === 308) return true
  return (method === 'GET' || method === 'HEAD') && [301, 302, 303].includes(status)
}

function withoutAuthorization(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'),
  )
}

/** fetch fails with a TypeError that tells its cause for whatever happens on the network. */
function isNetworkFailure(error: unknown): boolean {
  return error instanceof TypeError && error.cause !== undefined
}

/** What several wait for goes on when one of them gives up; only that one stops waiting. */
export function unlessAborted<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return shared
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason)
    if (signal.aborted) giveUp()
    signal.addEventListener('abort', giveUp, { once: true })
    shared.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp))
  })
}

/** Frees the connection of an answer that nobody reads. */
export async function discard(response: Response): Promise<void> {
  await response.body?.cancel().catch(() => {})
}
