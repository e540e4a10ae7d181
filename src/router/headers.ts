/**
 * What crosses the router and what does not. Header lists are flat, names and values in turn, as Node's parser gives
 * and takes them: no case is lost, no duplicate merged, and nothing is parsed twice.
 */
import { readSpace, withSpace } from './baggage.ts'
import type { Door } from './table.ts'
import { isRequestId, isTraceparent, newRequestId, newTraceparent } from './trace.ts'

/** One request's head, read once. */
export interface Head {
  /** What goes on as it came. */
  kept: string[]
  host: string | null
  accept: string | null
  contentType: string | null
  cookie: string | null
  contentLength: string | null
  chunked: boolean
  upgrade: string | null
  expectsContinue: boolean
  takesTrailers: boolean
  forwardedFor: string | null
  forwarded: string | null
  forwardedProto: string | null
  forwardedHost: string | null
  requestId: string | null
  traceparent: string | null
  tracestate: string | null
  baggage: string | null
  /** A token for a space's door. */
  preview: string | null
}

/** Of one connection only (RFC 9110, 7.6.1), and the framing, which is written anew. */
const HOP_BY_HOP = new Set([
  'connection',
  'content-length',
  'http2-settings',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
])

/** Said by the router alone: a claim of these is not passed on. */
const OURS = /^(?:forwarded|x-forwarded-.*|x-real-ip|x-tow-.*)$/

const LETTER_F = 'f'.charCodeAt(0)
const LETTER_X = 'x'.charCodeAt(0)

const append = (before: string | null, value: string) => (before === null ? value : `${before}, ${value}`)

/** Reads a head; a string where it must be refused, and why. */
export function readHead(raw: readonly string[]): Head | string {
  const head: Head = {
    kept: [],
    host: null,
    accept: null,
    contentType: null,
    cookie: null,
    contentLength: null,
    chunked: false,
    upgrade: null,
    expectsContinue: false,
    takesTrailers: false,
    forwardedFor: null,
    forwarded: null,
    forwardedProto: null,
    forwardedHost: null,
    requestId: null,
    traceparent: null,
    tracestate: null,
    baggage: null,
    preview: null,
  }
  let connection: string | null = null
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase()
    const value = raw[at + 1]!
    switch (name) {
      case ':method':
      case ':path':
      case ':scheme':
        continue
      // HTTP/2 says the host in a field of its own; beside it, it may say it once more.
      case ':authority':
        head.host = value
        continue
      case 'host':
        if (head.host === value && raw[0]!.startsWith(':')) continue
        if (head.host !== null) return 'The request names two hosts'
        head.host = value
        continue
      case 'connection':
        connection = append(connection, value)
        continue
      case 'content-length':
        if (head.contentLength !== null) return 'The request has two lengths'
        head.contentLength = value
        continue
      case 'transfer-encoding':
        if (head.chunked || value.toLowerCase() !== 'chunked')
          return 'The request has an unknown transfer encoding'
        head.chunked = true
        continue
      case 'upgrade':
        head.upgrade = append(head.upgrade, value)
        continue
      case 'expect':
        head.expectsContinue = value.toLowerCase() === '100-continue'
        break
      case 'te':
        head.takesTrailers ||= /(?:^|,)\s*trailers\s*(?:,|$)/i.test(value)
        continue
      case 'accept':
        head.accept = append(head.accept, value)
        break
      case 'content-type':
        head.contentType = value
        break
      case 'cookie':
        // HTTP/2 may split it, HTTP/1 may not (RFC 9113, 8.2.3).
        head.cookie = head.cookie === null ? value : `${head.cookie}; ${value}`
        continue
      case 'x-request-id':
        head.requestId = value
        continue
      case 'traceparent':
        // Two of them are as good as none (W3C Trace Context, 3.2.1).
        head.traceparent = head.traceparent === null ? value : ''
        continue
      case 'tracestate':
        head.tracestate = append(head.tracestate, value)
        continue
      case 'baggage':
        head.baggage = append(head.baggage, value)
        continue
      case 'tow-preview':
        head.preview = value
        continue
      case 'x-forwarded-for':
        head.forwardedFor = append(head.forwardedFor, value)
        continue
      case 'x-forwarded-proto':
        head.forwardedProto = value
        continue
      case 'x-forwarded-host':
        head.forwardedHost = value
        continue
      case 'forwarded':
        head.forwarded = append(head.forwarded, value)
        continue
    }
    if (HOP_BY_HOP.has(name)) continue
    const first = name.charCodeAt(0)
    // Underscores read as hyphens in CGI-like interfaces, so that they could bring a forbidden name in disguise.
    if ((first === LETTER_F || first === LETTER_X) && OURS.test(name.replaceAll('_', '-'))) continue
    head.kept.push(raw[at]!, value)
  }
  if (head.cookie !== null) head.kept.push('cookie', head.cookie)
  if (head.chunked && head.contentLength !== null) return 'The request has a length and a transfer encoding'
  if (connection !== null) head.kept = withoutListed(head.kept, connection)
  return head
}

const ORDINARY_CONNECTION = /^(?:keep-alive|close|upgrade)$/i

/** Drops what a `Connection` header lists beyond the well-known. */
function withoutListed(list: string[], connection: string): string[] {
  if (ORDINARY_CONNECTION.test(connection)) return list
  const listed = connection
    .toLowerCase()
    .split(',')
    .map((token) => token.trim())
    .filter(
      (token) =>
        token && token !== 'keep-alive' && token !== 'close' && token !== 'upgrade' && token !== 'te',
    )
  if (!listed.length) return list
  const kept: string[] = []
  for (let at = 0; at < list.length; at += 2) {
    if (!listed.includes(list[at]!.toLowerCase())) kept.push(list[at]!, list[at + 1]!)
  }
  return kept
}

/** Who a request is, whatever happens to it. */
export interface Identity {
  requestId: string
  traceparent: string
  space: string | null
}

/** At the edge the space comes from the name that was called, never from the client. */
export function identify(head: Head, door: Door, edgeSpace: string | null): Identity {
  const { requestId, traceparent } = head
  return {
    requestId: requestId !== null && isRequestId(requestId) ? requestId : newRequestId(),
    traceparent: traceparent !== null && isTraceparent(traceparent) ? traceparent : newTraceparent(),
    space: door === 'edge' ? edgeSpace : readSpace(head.baggage),
  }
}

export interface Peer {
  address: string
  localPort: number
  protocol: 'http' | 'https'
  /** What it says of where the request came from is believed. */
  isProxy: boolean
}

const quoted = (node: string) => (/^[\w.-]+$/.test(node) ? node : `"${node.replace(/["\\]/g, '')}"`)

/** What goes to the app, but for framing: kept headers, then what the router says itself. */
export function headersForApp(head: Head, identity: Identity, door: Door, peer: Peer): string[] {
  const trusted = door === 'inside' || peer.isProxy
  const host = head.host ?? `${peer.address}:${peer.localPort}`
  const node = peer.address.includes(':') ? `[${peer.address}]` : peer.address
  const element = `for=${quoted(node)};host=${quoted(host)};proto=${peer.protocol}`
  const headers = head.kept
  headers.push(
    'host',
    host,
    'x-forwarded-for',
    append(trusted ? head.forwardedFor : null, peer.address),
    'x-forwarded-proto',
    (trusted && head.forwardedProto) || peer.protocol,
    'x-forwarded-host',
    (trusted && head.forwardedHost) || host,
    'forwarded',
    append(trusted ? head.forwarded : null, element),
    'x-request-id',
    identity.requestId,
    'traceparent',
    identity.traceparent,
  )
  // A state belongs to the parent that came with it.
  if (head.tracestate !== null && identity.traceparent === head.traceparent)
    headers.push('tracestate', head.tracestate)
  const isUntouched = door === 'inside' || (head.baggage === null && identity.space === null)
  const baggage = isUntouched ? head.baggage : withSpace(head.baggage, identity.space)
  if (baggage !== null) headers.push('baggage', baggage)
  return headers
}

const HOP_BY_HOP_ANSWER = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** What of an app's answer goes on to the client, and what the router wants to know of it. */
export interface AnswerHead {
  kept: string[]
  contentType: string | null
  hasLength: boolean
  hasTrailer: boolean
  hasRequestId: boolean
  /** Its bytes must reach the client as they are. */
  isFixed: boolean
}

const FIXED = new Set(['content-encoding', 'content-digest', 'repr-digest', 'digest', 'content-md5'])

const isFixed = (name: string, value: string) =>
  (FIXED.has(name) && value.toLowerCase() !== 'identity') ||
  (name === 'cache-control' && /\bno-transform\b/i.test(value))

export function readAnswerHead(raw: readonly string[]): AnswerHead {
  const head: AnswerHead = {
    kept: [],
    contentType: null,
    hasLength: false,
    hasTrailer: false,
    hasRequestId: false,
    isFixed: false,
  }
  let connection: string | null = null
  for (let at = 0; at < raw.length; at += 2) {
    const name = raw[at]!.toLowerCase()
    const value = raw[at + 1]!
    if (name === 'connection') {
      connection = append(connection, value)
      continue
    }
    if (HOP_BY_HOP_ANSWER.has(name)) continue
    if (name === 'content-type') head.contentType = value
    else if (name === 'content-length') head.hasLength = true
    else if (name === 'trailer') head.hasTrailer = true
    else if (name === 'x-request-id') head.hasRequestId = true
    else if (isFixed(name, value)) head.isFixed = true
    head.kept.push(raw[at]!, value)
  }
  if (connection !== null) head.kept = withoutListed(head.kept, connection)
  return head
}

const NO_TRAILER = /^(?:connection|content-.*|host|keep-alive|te|trailer|transfer-encoding|upgrade)$/i

/** Trailers that may follow a body, as pairs. */
export function trailerPairs(raw: readonly string[]): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at < raw.length; at += 2) {
    if (!NO_TRAILER.test(raw[at]!)) pairs.push([raw[at]!, raw[at + 1]!])
  }
  return pairs
}
