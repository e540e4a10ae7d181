/**
 * What a browser sends by itself, whoever's page asked for it: the session cookie. So a request that comes with nothing
 * else must show that it was asked for by a page of ours.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { TowError } from '../../../api/errors.ts'
import { OWN_PAGE_HEADER } from '../../../api/pages.ts'
import { entranceOf } from './entrance.ts'

const SAFE = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Over TLS the browser itself holds the cookie to this very host. Without, the name carries the port: cookies don't
 * tell ports apart, and two platforms on one machine must not end each other's sessions.
 */
function cookieOf(request: FastifyRequest): { name: string; flags: string } {
  if (entranceOf(request.raw).scheme === 'https')
    return { name: '__Host-towpath', flags: 'Path=/; Secure; HttpOnly; SameSite=Lax' }
  return { name: `towpath-${request.raw.socket.localPort}`, flags: 'Path=/; HttpOnly; SameSite=Lax' }
}

/** The session's secret; undefined where there is none, or what is there can't be one. */
export function readSession(request: FastifyRequest): string | undefined {
  const { name } = cookieOf(request)
  const found = (request.headers.cookie ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
  // Two of them: somebody else set one, and nothing tells which.
  return found.length === 1 ? /^=([\w-]{43})$/.exec(found[0]!.slice(name.length))?.[1] : undefined
}

/** Seconds rather than a date: the browser's clock may be another. */
export function giveSession(
  request: FastifyRequest,
  reply: FastifyReply,
  secret: string,
  lastsSeconds: number,
): void {
  const { name, flags } = cookieOf(request)
  reply.header('set-cookie', `${name}=${secret}; ${flags}; Max-Age=${lastsSeconds}`)
}

export function takeSession(request: FastifyRequest, reply: FastifyReply): void {
  const { name, flags } = cookieOf(request)
  reply.header('set-cookie', `${name}=; ${flags}; Max-Age=0`)
}

/** For a form: a page of another origin that posts it is refused. A browser that posts always says from where. */
export function requireOwnForm(request: FastifyRequest): void {
  refuseOtherSites(request)
  if (request.headers.origin === undefined && request.headers['sec-fetch-site'] === undefined)
    throw foreign('it does not say which page it is from')
}

/** For whatever comes with nothing but a session. */
export function requireOwnPage(request: FastifyRequest): void {
  refuseOtherSites(request)
  const isUpgrade = request.headers.upgrade !== undefined
  if (SAFE.has(request.method) && !isUpgrade) return
  if (request.headers.origin === undefined) throw foreign('it does not say which page it is from')
  // No script can add a header to a WebSocket; its Origin, which is ours by now, can't be left out.
  if (!isUpgrade && request.headers[OWN_PAGE_HEADER] === undefined)
    throw foreign(`it lacks the header ${OWN_PAGE_HEADER}`)
}

/** An Origin of another page has been refused before. */
function refuseOtherSites(request: FastifyRequest): void {
  const site = request.headers['sec-fetch-site']
  const isOwn = site === undefined || site === 'same-origin' || (site === 'none' && SAFE.has(request.method))
  if (!isOwn) throw foreign('another page asked for it')
}

function foreign(why: string): TowError {
  return new TowError('FORBIDDEN', `a browser’s session is not enough for this request: ${why}`, {
    hint: 'programs send Authorization: Bearer <token>',
  })
}
