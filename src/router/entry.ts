/** The first look at a request: is it sound, which service is it for, and may it pass at all. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { askForPlain, isNavigation } from './banner.ts'
import { type Client, http1Client } from './client.ts'
import {
  answerFailure,
  beginExchange,
  type Context,
  type Exchange,
  sendOn,
  writeFailure,
} from './exchange.ts'
import { forward, type Send } from './forward.ts'
import { enterSpace, locationOf, takeToken, withoutToken } from './guard.ts'
import { type Head, readHead } from './headers.ts'
import { type Failure, failures } from './pages.ts'
import type { HostState } from './state.ts'
import type { Door } from './table.ts'
import { newRequestId } from './trace.ts'
import { responseOn, sendUpgrade } from './upgrade.ts'

/** Where a listener leads: to one service, maybe in one space, or by Host to any. */
export interface Where {
  door: Door
  service: string | null
  space: string | null
  /** Whoever connects is a proxy that is trusted: what it says of the client is passed on. */
  behindProxy?: boolean
  /** Nobody is led here any more: clients that keep their connections are told to let go. */
  isLeft?: boolean
  port: number
}

const isLoopback = (address: string) => address === '::1' || /^(?:::ffff:)?127\./.test(address)
const isLocalName = (host: string) =>
  host === '' || /^(?:\[::1\]|127(?:\.\d+){3}|localhost|.+\.localhost)$/.test(host)

/** `Missions.stage.localhost:8080` -> `missions.stage.localhost`. */
export function hostName(authority: string | null): string {
  return (authority ?? '').toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '')
}

/** Origin-form, `*`, or an absolute URL that agrees with the Host; null for anything else. */
export function targetPath(url: string, host: string | null): string | null {
  if (url.startsWith('/') || url === '*') return url
  const absolute = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url)
  if (!absolute || (host !== null && absolute[1]!.toLowerCase() !== host.toLowerCase())) return null
  const rest = absolute[2]!
  return rest.startsWith('/') ? rest : `/${rest}`
}

/** Takes in an ordinary request. */
export function enterRequest(context: Context, client: Client, where: Where): void {
  const exchange = admit(context, client, where)
  if (exchange) forward(context, exchange)
}

/** Takes in a request that asks for another protocol; Node hands it over with its bare socket. */
export function enterUpgrade(
  context: Context,
  request: IncomingMessage,
  socket: Duplex,
  rest: Buffer,
  where: Where,
): void {
  socket.on('error', () => socket.destroy())
  const response = responseOn(request, socket)
  const exchange = admit(context, http1Client(request, response), where)
  if (!exchange) return
  // An offer of HTTP/2 may be ignored (RFC 9110, 7.8), and whoever wants it here just speaks it.
  const ignoresOffer = /\bh2c\b/i.test(exchange.head.upgrade ?? '')
  const send: Send = (_context, _exchange, endpoint, again) =>
    sendUpgrade(context, exchange, endpoint, again, { socket, rest, response })
  forward(context, exchange, ignoresOffer ? undefined : send)
}

function admit(context: Context, client: Client, where: Where): Exchange | null {
  const head = readHead(client.rawHeaders)
  if (typeof head === 'string') return refuse(context, client, null, failures.badRequest(head))
  if (client.method === 'CONNECT') return refuse(context, client, head, failures.noTunnel())
  // HTTP/2 tells the end of a body by itself.
  if (client.isHttp2) head.chunked = head.contentLength === null && !client.isBodyComplete()
  const asked = targetPath(client.url, head.host)
  if (asked === null) {
    return refuse(context, client, head, failures.badRequest('The request names no path of this host'))
  }
  const found = find(context, where, hostName(head.host))
  if (!found) return refuse(context, client, head, nowhere(context, where, head.host, client.remoteAddress))
  const { space } = found
  const { path, token } = space ? takeToken(asked) : { path: asked, token: null }
  if (where.door === 'edge') withoutToken(head)
  const exchange = beginExchange(context, {
    client,
    head,
    door: where.door,
    edgeSpace: space?.name ?? null,
    isLeft: where.isLeft === true,
    service: found.service.key,
    path,
    peer: {
      address: client.remoteAddress.replace(/^::ffff:/, ''),
      localPort: where.port,
      protocol: 'http',
      isProxy: where.behindProxy === true,
    },
  })
  const failure = refusal(context, exchange, where.door, found, token)
  if (failure === null) return exchange
  if (failure !== 'answered') answerFailure(context, exchange, failure)
  return null
}

/** Why it may not pass; null where it may. */
function refusal(
  context: Context,
  exchange: Exchange,
  door: Door,
  { service: { service }, space }: HostState,
  token: string | null,
): Failure | 'answered' | null {
  const { head, path } = exchange
  if (space) {
    const { name, entry } = space
    const entrance = entry.door && enterSpace(entry.door, name, head, token, context.now())
    if (entrance?.kind === 'out') return failures.notInvited(service, name, entrance.why)
    if (entrance?.keep && isPlainGet(exchange)) {
      sendOn(context, exchange, locationOf(path), entrance.keep)
      return 'answered'
    }
    if (entry.banner && isNavigation(exchange.record.method, head.accept, exchange.header)) {
      exchange.banner = entry.banner
      askForPlain(exchange.headers)
    }
  }
  const maintenance = service.maintenance ?? space?.entry.maintenance
  if (door === 'edge' && maintenance) return failures.maintenance(service, maintenance.message)
  const { bodyBytes } = context.limits
  const isTooLarge = bodyBytes > 0 && Number(head.contentLength ?? 0) > bodyBytes
  return isTooLarge ? failures.bodyTooLarge(bodyBytes) : null
}

const isPlainGet = ({ record: { method }, head }: Exchange) =>
  (method === 'GET' || method === 'HEAD') && head.upgrade === null

/** Where a malformed request ends is anyone's guess: nothing more is read of its connection. */
function refuse(context: Context, client: Client, head: Head | null, failure: Failure): null {
  const hasBody = head !== null && (head.chunked || head.contentLength !== null)
  const isUnread = head !== null && failure.status !== 400 && hasBody && !client.isBodyComplete()
  const close = context.closing || failure.status === 400
  writeFailure(client, failure, head, newRequestId(), close, isUnread)
  return null
}

function find({ state }: Context, where: Where, host: string): HostState | null {
  if (where.service === null) return state.hosts.get(host) ?? null
  const service = state.services.get(where.service)
  if (!service || where.space === null) return service ? { service, space: null } : null
  const entry = service.service.spaces?.[where.space]
  return entry ? { service, space: { name: where.space, entry } } : null
}

/** Whoever sits at this machine is told what is there; nobody else is, nor a page that only borrowed its address. */
function nowhere({ state }: Context, where: Where, host: string | null, address: string): Failure {
  if (where.service !== null) return failures.unknownService(where.service)
  const name = hostName(host)
  const tells = isLoopback(address) && isLocalName(name)
  const names = tells ? [...state.hosts].filter(([, { space }]) => space === null).map(([name]) => name) : []
  const offers = names.sort().map((known) => `http://${known}:${where.port}/`)
  return failures.unknownHost(name, offers)
}
