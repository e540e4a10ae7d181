/**
 * The one place where a request is let in: every route under this server says which permission it needs and where it
 * names what it touches, and nothing of a request's body is read before its sender is known to hold the permission. A
 * route that says nothing stops the server from starting.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { TowError } from '../../../api/errors.ts'
import { isScoped, type Objects, type Permission } from '../../../api/operation.ts'
import type { Actor } from '../actor.ts'
import { newId } from '../ids.ts'
import type { Authenticator, Presented, Principal } from './authenticator.ts'
import { type Authorize, checkObjects } from './authorize.ts'
import { readSession, requireOwnPage } from './browser.ts'
import { boundStrangersBody, entranceOf, refuseStrangers } from './entrance.ts'
import { refuseUnkeepableText } from './text.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    permission?: Permission
    /** Where the path names what the request touches; `later`: the body does, and whoever reads it asks. */
    objects?: Objects | 'later'
    /** The token may also come as the password of Basic authentication: Git speaks nothing else. */
    basic?: boolean
  }
  interface FastifyRequest {
    principal: Principal
    /** Whoever sent it, as they are now; throws where they would not be let in any more. */
    admitAgain(): Promise<Principal>
    /** What it came in with; undefined where no permission is asked for. */
    presented: Presented | undefined
  }
}

/** What stands for the caller where no token is asked for. */
const NOBODY: Principal = {
  name: 'anyone',
  kind: 'machine',
  roles: [],
  teams: [],
  credential: { kind: 'token', name: null, expiresAt: null },
}

export const makeRequestId = () => newId('q')

/** For doors outside the table of operations: who acts, as `database.change` wants to know it. */
export function actorOf(request: FastifyRequest): Actor {
  return { name: request.principal.name, principal: request.principal }
}

interface Gate {
  authenticator: Authenticator
  authorize: Authorize
  /** Counts a token that nobody gave out, by where it came from. */
  guessed: (address: string) => void
}

export function guard(server: FastifyInstance, gate: Gate): void {
  server.decorateRequest('principal')
  server.decorateRequest('admitAgain')
  server.decorateRequest('presented')
  server.addHook('onRoute', (route) => {
    const { permission, objects } = route.config ?? {}
    const what = `the route ${String(route.method)} ${route.url}`
    if (!permission) throw new Error(`${what} does not say which permission it needs`)
    if (objects !== 'later') checkObjects(what, permission, objects)
  })
  server.addHook('onRequest', async (request, reply) => {
    reply.headers({
      'x-request-id': request.id,
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
    })
    const letGo = boundStrangersBody(request.raw)
    refuseStrangers(request.raw)
    // Without a route there is nothing to protect, and the answer is 404.
    const { permission = 'anyone', objects, basic } = request.routeOptions.config
    // Git asks first without a token, and sends one only to whoever asks for it in these words.
    if (basic) reply.header('www-authenticate', 'Basic realm="Towpath"')
    const enter = async (through: Gate) => {
      const principal = permission === 'anyone' ? NOBODY : await admit(request, through, permission)
      if (permission !== 'anyone') letGo()
      if (!isScoped(permission) || objects === undefined || objects === 'later') return principal
      refuseUnkeepableText(request.params)
      await gate.authorize(principal, permission, objects, request.params as Record<string, unknown>)
      return principal
    }
    request.principal = await enter(gate)
    // What was let in once is no guess.
    request.admitAgain = () => enter({ ...gate, guessed: () => {} })
  })
}

/** The credential that a request carries; undefined where it carries none that this route takes. */
function presentedBy(request: FastifyRequest): Presented | undefined {
  const { headers, routeOptions } = request
  const given = headers.authorization
  if (given === undefined) {
    const session = readSession(request)
    return session === undefined ? undefined : { kind: 'session', secret: session }
  }
  const basic = routeOptions.config.basic ? /^Basic ([A-Za-z0-9+/=]{1,1024})$/i.exec(given)?.[1] : undefined
  const secret =
    basic === undefined
      ? /^Bearer ([\x21-\x7e]{1,512})$/i.exec(given)?.[1]
      : /^[^:]*:([\x21-\x7e]{1,512})$/.exec(Buffer.from(basic, 'base64').toString())?.[1]
  return secret === undefined ? undefined : { kind: 'token', secret }
}

async function admit(
  request: FastifyRequest,
  { authenticator, guessed }: Gate,
  permission: Permission,
): Promise<Principal> {
  const presented = presentedBy(request)
  request.presented = presented
  if (presented?.kind === 'session') requireOwnPage(request)
  const principal = presented === undefined ? null : await authenticator.authenticate(presented)
  if (!principal) {
    if (presented) guessed(request.ip)
    throw nobody(presented)
  }
  if (principal.credential.kind === 'token-file' && !entranceOf(request.raw).isLocal) {
    throw new TowError('FORBIDDEN', 'the token in the platform’s home is good on its own machine alone', {
      hint: 'sign in from elsewhere: tow login <url>',
    })
  }
  if (!authenticator.permits(principal, permission)) {
    throw new TowError('FORBIDDEN', `${principal.name} lacks the permission ${permission}`, {
      hint: 'ask whoever runs the platform',
    })
  }
  return principal
}

function nobody(presented: Presented | undefined): TowError {
  if (presented === undefined) {
    return new TowError('UNAUTHENTICATED', 'the request carries no token', {
      hint: 'send Authorization: Bearer <token>; tow login <url> brings one, and on its own machine platform.json names the file that holds one',
    })
  }
  const what =
    presented.kind === 'session' ? 'session is over' : 'token is not one that this platform gave out'
  return new TowError('UNAUTHENTICATED', `the ${what}`, {
    hint: presented.kind === 'session' ? 'sign in again, at /sign-in' : 'tow login <url>',
  })
}
