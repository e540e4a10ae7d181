/** One request of a client from its head to its end: who it is, what the client gets, and the record that remains. */
import { STATUS_CODES } from 'node:http'
import type { CallsSeen } from './calls.ts'
import type { Asking } from './choose.ts'
import type { Client } from './client.ts'
import { addToCounts, type RequestRecord } from './counts.ts'
import { type Head, headersForApp, type Identity, identify, type Peer } from './headers.ts'
import type { Limits } from './limits.ts'
import { type Failure, grpcHeaders, isGrpc, page } from './pages.ts'
import type { DemandState, EndpointState, RouterState } from './state.ts'
import type { Door, Service } from './table.ts'
import type { Turns } from './turns.ts'

/** What all requests of one router share. */
export interface Context {
  state: RouterState
  limits: Limits
  now(): number
  turns: Turns
  calls: CallsSeen
  onDone: (record: RequestRecord) => void
  /** Told when the first request begins to wait for a space's set that sleeps. */
  onWaiting: (service: string, space: string) => void
  /** True once clients are to be told `Connection: close`. */
  closing: boolean
}

export interface Exchange extends Asking {
  client: Client
  head: Head
  identity: Identity
  service: string
  path: string
  /** For the app, without framing. */
  headers: string[]
  hasBody: boolean
  refused: Set<EndpointState>
  /** What the last place said that could not be reached. */
  lastFailure: Failure | null
  /** How often this request met a kept connection that was closed already. */
  staleConnections: number
  /** Its place is one that requests wait for. */
  isHeld: boolean
  /** When a request that waits gives up, on the clock of `performance.now`. */
  waitsUntil: number | null
  /** How long it leaves a place alone that refused it. */
  askAgainMs: number
  /** What counts it as waiting, until it reached a place. */
  waitsFor: DemandState | null
  /** Put at the foot of the page that answers it. */
  banner: string | null
  /** Its client is told to close the connection. */
  isLeft: boolean
  setCookie: string | null
  record: RequestRecord
  startedAt: number
  over: boolean
  /** Called once when it is over; ends whatever still works for it. */
  stop: (() => void) | null
  /** Told when it is over: nothing that comes from now on is a call that was made for it. */
  answered: (() => void) | null
}

interface Beginning {
  client: Client
  head: Head
  door: Door
  /** At the edge, the one whose name was called. */
  edgeSpace: string | null
  isLeft: boolean
  service: string
  path: string
  peer: Peer
}

/** Opens the record of a request and watches for its end. */
export function beginExchange(context: Context, from: Beginning): Exchange {
  const { client, head, door, service, path } = from
  const identity = identify(head, door, from.edgeSpace)
  const exchange: Exchange = {
    client,
    head,
    identity,
    service,
    path,
    headers: headersForApp(head, identity, door, from.peer),
    hasBody: head.chunked || (head.contentLength !== null && head.contentLength !== '0'),
    space: identity.space,
    cookie: head.cookie,
    header: (name) => findHeader(client.rawHeaders, name),
    refused: new Set(),
    lastFailure: null,
    staleConnections: 0,
    isHeld: false,
    waitsUntil: null,
    askAgainMs: 4,
    waitsFor: null,
    banner: null,
    isLeft: from.isLeft,
    setCookie: null,
    startedAt: performance.now(),
    over: false,
    stop: null,
    answered: null,
    record: {
      at: context.now(),
      service,
      set: null,
      endpoint: null,
      door,
      space: identity.space,
      method: client.method,
      path,
      status: 0,
      reason: null,
      durationMs: 0,
      bytesIn: 0,
      bytesOut: 0,
      requestId: identity.requestId,
      traceparent: identity.traceparent,
      upgraded: false,
    },
  }
  const { space } = identity
  const copy = () => {
    const { set } = exchange.record
    return set === null ? null : (context.state.sets.get(`${service}\0${set}`)?.space ?? null)
  }
  exchange.answered = context.calls.arrive(
    { service, space, traceparent: head.traceparent, isInside: door === 'inside' },
    identity.traceparent,
    copy,
  )
  client.onClose((isWhole) => endExchange(context, exchange, !isWhole))
  return exchange
}

function findHeader(raw: readonly string[], wanted: string): string | null {
  for (let at = 0; at < raw.length; at += 2) if (raw[at]!.toLowerCase() === wanted) return raw[at + 1]!
  return null
}

/** The names of the service, also when it left the table while the request was under way. */
export function serviceOf({ state }: Context, { service }: Exchange): Pick<Service, 'app' | 'environment'> {
  const [environment = service, app = service] = service.split('/')
  return state.services.get(service)?.service ?? { app, environment }
}

/** How long the rest of a body that nobody wants is read where the limits set no bound. */
const DISCARD_MS = 60_000

/** Closes the record; whoever still works for the request is told to stop. */
export function endExchange(context: Context, exchange: Exchange, hasLeft: boolean): void {
  if (exchange.over) return
  exchange.over = true
  const { record } = exchange
  if (hasLeft && record.reason === null) record.status = 499
  record.durationMs = performance.now() - exchange.startedAt
  exchange.stop?.()
  exchange.stop = null
  exchange.answered?.()
  exchange.answered = null
  waitsNoMore(exchange)
  const { client } = exchange
  if (exchange.hasBody && !client.isBodyComplete())
    client.discardBody(context.limits.bodyIdleMs || DISCARD_MS)
  const set = record.set === null ? undefined : context.state.sets.get(`${exchange.service}\0${record.set}`)
  if (set) addToCounts(set.counts, record)
  if (set?.demand) set.demand.askedAt = context.now()
  context.onDone(record)
}

/** It reached a place, or left. Harmless when repeated. */
export function waitsNoMore(exchange: Exchange): void {
  if (exchange.waitsFor) exchange.waitsFor.waiting--
  exchange.waitsFor = null
}

/** The router's own answer. Where an answer has begun already, all it can do is to break it off. */
export function answerFailure(context: Context, exchange: Exchange, failure: Failure): void {
  const { client, record } = exchange
  if (exchange.over) return
  record.reason = failure.code
  if (client.isBegun()) {
    client.cut()
    return
  }
  record.status = failure.status
  // A body that nobody will read must not be mistaken for the next request, nor be waited for.
  const isUnread = exchange.hasBody && !client.isBodyComplete()
  writeFailure(client, failure, exchange.head, record.requestId, context.closing, isUnread)
}

/** Sends whoever came by a link on to the address that it meant, with a cookie. */
export function sendOn(context: Context, exchange: Exchange, location: string, cookie: string): void {
  const { client, record } = exchange
  record.status = 302
  record.reason = 'invited'
  const headers = ['location', location, 'set-cookie', cookie, 'x-request-id', record.requestId]
  headers.push('cache-control', 'no-store', 'referrer-policy', 'no-referrer', 'x-tow-router', 'invited')
  if (context.closing || exchange.hasBody) headers.push('connection', 'close')
  client.answer(302, STATUS_CODES[302]!, [...headers, 'content-length', '0'], null)
}

/** How long the rest of an unwanted body is read, so that its sender gets to see the answer at all. */
const LINGER_MS = 1_000

/**
 * Writes a failure as a page, or as a gRPC status, and ends the answer. `isUnread`: the request's body was not read to
 * the end, and a connection that closes upon unread bytes loses the answer.
 */
export function writeFailure(
  client: Client,
  failure: Failure,
  asked: Pick<Head, 'accept' | 'contentType'> | null,
  requestId: string,
  close: boolean,
  isUnread: boolean,
): void {
  if (client.isHttp2 && isGrpc(asked?.contentType ?? null)) {
    client.begin(200, '', grpcHeaders(failure, requestId), { isEmpty: true })
    client.end()
    return
  }
  const { headers, body } = page(failure, asked?.accept ?? null, requestId)
  headers.push('content-length', String(Buffer.byteLength(body)))
  if (close || isUnread) headers.push('connection', 'close')
  client.begin(failure.status, STATUS_CODES[failure.status] ?? '', headers)
  if (client.method !== 'HEAD') client.out.write(body)
  if (!isUnread) {
    client.end()
    return
  }
  if (client.isHttp2) {
    client.end()
    client.discardBody(LINGER_MS)
    return
  }
  const finish = () => {
    clearTimeout(timer)
    client.end()
  }
  const timer = setTimeout(finish, LINGER_MS)
  client.body.on('end', finish).on('close', finish)
  client.body.resume()
}
