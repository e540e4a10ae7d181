/** A connection to one registry: its address, its logins, its failures in words. Remembers tokens while it lives. */
import type { TowError } from '../api/errors.ts'
import { type Authorizer, createAuthorizer, parseChallenge } from './authorize.ts'
import type { CredentialSource } from './credentials.ts'
import { discard, send, unlessAborted } from './http.ts'
import { refusals } from './messages.ts'

export interface RegistryOptions {
  credentials: CredentialSource
  /** `host:port` of registries that are spoken to without TLS. Loopback addresses always are. */
  plainHttp?: readonly string[]
}

export type Action = 'pull' | 'push'

export interface RegistryCall {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below `/v2/`, or a whole address that the registry itself has given. */
  to: string | URL
  repository: string
  action: Action
  /** Another repository that is read along: for mounts. */
  reads?: string
  headers?: Record<string, string>
  body?: Uint8Array
  repeats?: boolean
  signal?: AbortSignal | undefined
}

export interface Registry {
  /** As people name it. */
  readonly name: string
  /** Every answer but 401, 403 and what stays transient; those are thrown. */
  call(call: RegistryCall): Promise<Response>
  /** An address that the registry gave, made whole and safe to use. */
  locate(location: string | null, what: string): URL
  /** The failure that an answer tells, which is not what was hoped for. */
  failure(response: Response, what: string): Promise<TowError>
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::\d+)?$/

export function connectRegistry(name: string, { credentials, plainHttp = [] }: RegistryOptions): Registry {
  const isPlain = LOOPBACK.test(name) || plainHttp.includes(name)
  const host = name === 'docker.io' ? 'registry-1.docker.io' : name
  const base = new URL(`${isPlain ? 'http' : 'https'}://${host}/v2/`)
  const authorizer = createAuthorizer(name, credentials, isPlain)
  let asked: Promise<void> | null = null

  /** Once: how it wants to be asked. Spares every first request the answer 401. */
  function askOnce(): Promise<void> {
    asked ??= send({ method: 'GET', url: base }).then(
      async (response) => {
        await discard(response)
        if (response.status === 401) authorizer.learn(challengeOf(response), [])
      },
      (error) => {
        asked = null
        throw error
      },
    )
    return asked
  }

  const challengeOf = (response: Response) => {
    const challenge = parseChallenge(response.headers.get('www-authenticate'))
    if (!challenge) throw refusals.badChallenge(name)
    return challenge
  }

  async function attempt(call: RegistryCall, url: URL): Promise<Response> {
    const isOurs = url.origin === base.origin
    const authorization = isOurs ? await unlessAborted(authorizer.header(scopesOf(call)), call.signal) : null
    return send({
      method: call.method,
      url,
      headers: { ...call.headers, ...(authorization !== null && { authorization }) },
      ...(call.body && { body: call.body }),
      ...(call.repeats !== undefined && { repeats: call.repeats }),
      signal: call.signal,
    })
  }

  return {
    name,
    async call(call) {
      await unlessAborted(askOnce(), call.signal)
      const url = typeof call.to === 'string' ? new URL(call.to, base) : call.to
      let response = await attempt(call, url)
      if (response.status === 401) {
        await discard(response)
        authorizer.learn(challengeOf(response), scopesOf(call))
        response = await attempt(call, url)
      }
      if (
        response.status === 401 ||
        response.status === 403 ||
        response.status === 429 ||
        response.status >= 500
      )
        throw await refusalOf(name, response, call, authorizer)
      return response
    },
    locate(location, what) {
      const url = location === null ? null : URL.parse(location, base)
      if (!url) throw refusals.unexpected(name, what, 202, ': it gave no place to send to')
      // A registry behind a proxy often does not know that it is reached by HTTPS.
      if (base.protocol === 'https:' && url.protocol === 'http:' && url.hostname === base.hostname) {
        url.protocol = 'https:'
        url.port = base.port
      }
      if (base.protocol === 'https:' && url.protocol !== 'https:') throw refusals.downgrade(name)
      return url
    },
    async failure(response, what) {
      return refusals.unexpected(name, what, response.status, await saidBy(response))
    },
  }
}

function scopesOf({ repository, action, reads }: RegistryCall): string[] {
  const own = `repository:${repository}:${action === 'push' ? 'pull,push' : 'pull'}`
  return reads === undefined || reads === repository ? [own] : [own, `repository:${reads}:pull`]
}

async function refusalOf(
  name: string,
  response: Response,
  { repository, action }: RegistryCall,
  authorizer: Authorizer,
): Promise<TowError> {
  if (response.status !== 401 && response.status !== 403)
    return refusals.unavailable(name, response.status, await saidBy(response))
  await discard(response)
  // Known, but not for this: token services give what they may, and the registry tells what was missing.
  const isKnown = response.headers.get('www-authenticate')?.includes('insufficient_scope')
  return response.status === 403 || (isKnown && authorizer.hasCredentials)
    ? refusals.forbidden(name, repository, action)
    : refusals.loginNeeded(name, repository, authorizer.hasCredentials)
}

const SAID = 300

/** What the registry says about its failure, in brief; some say nothing, some say a web page. */
async function saidBy(response: Response): Promise<string> {
  const text = await response.text().catch(() => '')
  try {
    const { errors } = JSON.parse(text) as { errors?: { code?: string; message?: string }[] }
    const said = (errors ?? []).map(({ code, message }) =>
      [message, code && `(${code})`].filter(Boolean).join(' '),
    )
    return said.length === 0 ? '' : `: ${said.join('; ').slice(0, SAID)}`
  } catch {
    return ''
  }
}
