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

/** Names that only this machine answers to; anything else reached us by a trick with a name server. */
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

export const makeRequestId = () => newId('q')

/** For doors outside the table of operations: who acts, as `database.change` wants to know it. */
export function actorOf(request: FastifyRequest): Actor {
  return { name: request.principal.name, principal: request.principal }
}

export function guard(server: FastifyInstance, authenticator: Authenticator, authorize: Authorize): void {
  server.decorateRequest('principal')
  server.decorateRequest('admitAgain')
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
    })
    refuseStrangers(request.headers.host, request.headers.origin)
    // Without a route there is nothing to protect, and the answer is 404.
    const { permission = 'anyone', objects, basic } = request.routeOptions.config
    // Git asks first without a token, and sends one only to whoever asks for it in these words.
    if (basic) reply.header('www-authenticate', 'Basic realm="Towpath"')
    request.admitAgain = async () => {
      const principal = permission === 'anyone' ? NOBODY : await admit(request, authenticator, permission)
      if (!isScoped(permission) || objects === undefined || objects === 'later') return principal
      refuseUnkeepableText(request.params)
      await authorize(principal, permission, objects, request.params as Record<string, unknown>)
      return principal
    }
    request.principal = await request.admitAgain()
  })
}

/** DNS rebinding and pages of other origins: a browser sends their names, and they are not ours. */
export function refuseStrangers(host: string | undefined, origin: string | undefined): void {
  const name = host?.replace(/:\d+$/, '').toLowerCase()
  if (!name || !LOOPBACK.has(name)) {
    throw new TowError(
      'FORBIDDEN',
      `the platform answers only to localhost, not to ${JSON.stringify(host ?? '')}`,
      {
        hint: 'use http://127.0.0.1 or http://localhost',
      },
    )
  }
  if (origin !== undefined && origin.toLowerCase() !== `http://${host?.toLowerCase()}`) {
    throw new TowError('FORBIDDEN', `a page of ${JSON.stringify(origin)} may not call the platform`)
  }
}

/** The credential that a request carries; undefined where it carries none that this route takes. */
function presentedBy({ headers, routeOptions }: FastifyRequest): Presented | undefined {
  const given = headers.authorization ?? ''
  const basic = routeOptions.config.basic ? /^Basic ([A-Za-z0-9+/=]{1,1024})$/i.exec(given)?.[1] : undefined
  const secret =
    basic === undefined
      ? /^Bearer ([\x21-\x7e]{1,512})$/i.exec(given)?.[1]
      : /^[^:]*:([\x21-\x7e]{1,512})$/.exec(Buffer.from(basic, 'base64').toString())?.[1]
  return secret === undefined ? undefined : { kind: 'token', secret }
}

async function admit(
  request: FastifyRequest,
  authenticator: Authenticator,
  permission: Permission,
): Promise<Principal> {
  const presented = presentedBy(request)
  const principal = presented === undefined ? null : await authenticator.authenticate(presented)
  if (!principal) {
    throw new TowError(
      'UNAUTHENTICATED',
      presented === undefined
        ? 'the request carries no token'
        : 'the token is not one that this platform gave out',
      {
        hint: 'send Authorization: Bearer <token>; the token is in the file that platform.json names',
      },
    )
  }
  if (!authenticator.permits(principal, permission)) {
    throw new TowError('FORBIDDEN', `${principal.name} lacks the permission ${permission}`, {
      hint: 'ask whoever runs the platform',
    })
  }
  return principal
}
