/** What a registry is shown so that it lets us in: nothing, a password, or a token that its token service gives. */
import * as z from 'zod'
import type { CredentialSource, Credentials } from './credentials.ts'
import { discard, send } from './http.ts'
import { refusals } from './messages.ts'

export interface Challenge {
  scheme: 'basic' | 'bearer'
  realm?: string
  service?: string
}

/** How the registry wants to be asked: the first way of `WWW-Authenticate` that is known here, null where none is. */
export function parseChallenge(header: string | null): Challenge | null {
  if (header === null) return null
  const bearer = header.search(/(?:^|,)\s*bearer\s/i)
  if (bearer >= 0) {
    const values = new Map<string, string>()
    for (const [, name, value] of header.slice(bearer).matchAll(/([a-z_]+)="([^"]*)"/gi))
      if (!values.has(name!.toLowerCase())) values.set(name!.toLowerCase(), value!)
    const [realm, service] = [values.get('realm'), values.get('service')]
    if (realm !== undefined) return { scheme: 'bearer', realm, ...(service !== undefined && { service }) }
  }
  return /(?:^|,)\s*basic(?:\s|$)/i.test(header) ? { scheme: 'basic' } : null
}

export interface Authorizer {
  /** Value of the header, null for none. The same question is asked once, also by many at a time. */
  header(scopes: readonly string[]): Promise<string | null>
  /** After a 401: how it wants to be asked, and that what it was shown does not count any more. */
  learn(challenge: Challenge | null, scopes: readonly string[]): void
  readonly hasCredentials: boolean
}

/** Renewed this long before it ends, so that it does not end under way. */
const SPARE_MILLISECONDS = 10_000
/** What the token specification says for a token that does not tell. */
const DEFAULT_SECONDS = 60
/** Helpers give passwords that end after a while and do not tell when. */
const PASSWORD_MILLISECONDS = 5 * 60_000

interface Kept {
  header: string | null
  endsAt: number
}

export function createAuthorizer(
  registry: string,
  credentials: CredentialSource,
  isPlainHttp: boolean,
): Authorizer {
  let challenge: Challenge | null = null
  let hasCredentials = false
  const kept = new Map<string, Promise<Kept>>()

  async function fresh(scopes: readonly string[]): Promise<Kept> {
    const asked = challenge
    if (!asked) return { header: null, endsAt: Number.POSITIVE_INFINITY }
    const login = await credentials(registry)
    hasCredentials = login !== null
    if (login?.kind === 'bearer') return endingIn(`Bearer ${login.token}`, PASSWORD_MILLISECONDS)
    if (asked.scheme === 'basic') {
      return endingIn(login?.kind === 'password' ? basic(login) : null, PASSWORD_MILLISECONDS)
    }
    return fetchToken(registry, asked, login, scopes, isPlainHttp)
  }

  return {
    get hasCredentials() {
      return hasCredentials
    },
    async header(scopes) {
      const key = [...scopes].sort().join(' ')
      const known = kept.get(key)
      if (known) {
        const { header, endsAt } = await known
        if (endsAt > Date.now()) return header
      }
      // Another caller may have asked while this one waited.
      if (kept.get(key) === known) {
        const asking = fresh(scopes)
        kept.set(key, asking)
        asking.catch(() => kept.delete(key))
      }
      return (await kept.get(key)!).header
    },
    learn(found, scopes) {
      if (found) challenge = found
      kept.delete([...scopes].sort().join(' '))
    },
  }
}

const endingIn = (header: string | null, milliseconds: number): Kept => ({
  header,
  endsAt: Date.now() + milliseconds,
})

const basic = ({ username, password }: { username: string; password: string }) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

const TokenAnswer = z.object({
  token: z.string().optional(),
  access_token: z.string().optional(),
  expires_in: z.number().optional(),
})

async function fetchToken(
  registry: string,
  { realm, service }: Challenge,
  login: Credentials | null,
  scopes: readonly string[],
  isPlainHttp: boolean,
): Promise<Kept> {
  const url = URL.parse(realm!)
  if (!url) throw refusals.badChallenge(registry)
  // The login would go over the wire for all to read.
  if (url.protocol !== 'https:' && !isPlainHttp) throw refusals.downgrade(registry)
  const response =
    login?.kind === 'identity'
      ? await exchange(url, service, login.token, scopes)
      : await ask(url, service, login, scopes)
  if (response.status >= 500) throw refusals.unavailable(url.host, response.status, '')
  if (!response.ok) {
    await discard(response)
    throw refusals.noToken(url.host, response.status)
  }
  const answer = TokenAnswer.safeParse(await response.json().catch(() => null))
  const token = answer.data?.token ?? answer.data?.access_token
  if (!token) throw refusals.noToken(url.host, response.status)
  const seconds = answer.data?.expires_in ?? DEFAULT_SECONDS
  return endingIn(`Bearer ${token}`, seconds * 1000 - SPARE_MILLISECONDS)
}

function ask(
  realm: URL,
  service: string | undefined,
  login: Credentials | null,
  scopes: readonly string[],
): Promise<Response> {
  const url = new URL(realm)
  if (service !== undefined) url.searchParams.set('service', service)
  for (const scope of scopes) url.searchParams.append('scope', scope)
  const headers = login?.kind === 'password' ? { authorization: basic(login) } : {}
  return send({ method: 'GET', url, headers })
}

function exchange(
  url: URL,
  service: string | undefined,
  token: string,
  scopes: readonly string[],
): Promise<Response> {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: token,
    client_id: 'towpath',
  })
  if (service !== undefined) form.set('service', service)
  form.set('scope', scopes.join(' '))
  return send({
    method: 'POST',
    url,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: Buffer.from(form.toString()),
  })
}
