/** Every sentence that the router itself says to a client, and the page around it. */
import type { Service } from './table.ts'

/** Why the router answers by itself. */
export interface Failure {
  status: number
  code: string
  /** One sentence for a developer. */
  message: string
  retryAfterSeconds?: number
  /** Names worth offering, e.g. the apps that are there. */
  offers?: string[]
  /** The page asks again by itself: what it waits for is on its way. */
  reloads?: boolean
}

/** Whose set was meant: the space's, and what is wrong with it. */
export interface Where {
  space: string | null
  problem: string | null
}

type Named = Pick<Service, 'app' | 'environment'>

export const called = (service: Named) => `${service.app} (${service.environment})`

const placed = ({ space }: Where) => (space === null ? '' : ` in the space ${space}`)

/** What a service's notice says is said of the environment's own sets alone. */
const noticeFor = (service: Service, { space, problem }: Where) =>
  space === null ? service.notice?.message : (problem ?? undefined)

export const failures = {
  badRequest: (why: string): Failure => ({ status: 400, code: 'bad-request', message: `${why}.` }),
  unknownHost: (host: string, offers: string[]): Failure => ({
    status: 404,
    code: 'unknown-host',
    message: host ? `No app answers at ${host}.` : 'The request does not say which app it is for.',
    offers,
  }),
  unknownService: (service: string): Failure => ({
    status: 404,
    code: 'unknown-service',
    message: `No app answers here: ${service} is not there any more, or not yet.`,
  }),
  noTunnel: (): Failure => ({ status: 405, code: 'no-tunnel', message: 'CONNECT is not served here.' }),
  bodyTooLarge: (most: number): Failure => ({
    status: 413,
    code: 'body-too-large',
    message: `The request's body is larger than the ${most} bytes that are allowed.`,
  }),
  bodyStalled: (ms: number): Failure => ({
    status: 408,
    code: 'body-stalled',
    message: `Nothing of the request's body arrived for ${ms / 1000} s.`,
  }),
  maintenance: (service: Named, message: string): Failure => ({
    status: 503,
    code: 'maintenance',
    message: message || `${called(service)} is being maintained.`,
    retryAfterSeconds: 60,
  }),
  notInvited: (service: Named, space: string, why: string): Failure => ({
    status: 403,
    code: 'not-invited',
    message:
      `The space ${space} over ${service.environment} is open to whoever was invited, and ${why}. ` +
      'Ask whoever gave you this address for a preview link, and open that.',
  }),
  nothingServes: (service: Service, where: Where): Failure => ({
    status: 503,
    code: (where.space === null ? service.notice?.code : null) ?? 'nothing-serves',
    message: noticeFor(service, where) ?? `Nothing of ${called(service)} is running${placed(where)}.`,
    retryAfterSeconds: 5,
  }),
  starting: (service: Service, where: Where): Failure => ({
    status: 503,
    code: 'starting',
    message: noticeFor(service, where) ?? `${called(service)} is starting${placed(where)}.`,
    retryAfterSeconds: 2,
    reloads: true,
  }),
  crashed: (service: Service, where: Where): Failure => ({
    status: 503,
    code: 'crashed',
    message:
      where.space === null
        ? (service.notice?.message ?? `${called(service)} has crashed.`)
        : `${called(service)} has crashed${placed(where)}${where.problem ? `: ${where.problem}` : ''}.`,
    retryAfterSeconds: 5,
  }),
  waitedTooLong: (service: Named, ms: number, where: Where, asleep: boolean): Failure => ({
    status: 503,
    code: 'waited-too-long',
    message:
      `${called(service)} ${asleep ? 'sleeps' : 'is coming up'}${placed(where)}, ` +
      `and was not there yet after this request had waited for ${ms / 1000} s.`,
    retryAfterSeconds: 5,
    reloads: true,
  }),
  tooManyWait: (service: Named, most: number): Failure => ({
    status: 503,
    code: 'too-many-wait',
    message: `${called(service)} is coming up, and ${most} requests already wait for it.`,
    retryAfterSeconds: 5,
  }),
  refused: (service: Named): Failure => ({
    status: 502,
    code: 'refused',
    message: `${called(service)} accepted no connection.`,
  }),
  connectTimeout: (service: Named, ms: number): Failure => ({
    status: 504,
    code: 'connect-timeout',
    message: `${called(service)} accepted no connection within ${ms / 1000} s.`,
  }),
  broke: (service: Named): Failure => ({
    status: 502,
    code: 'broke',
    message: `${called(service)} closed the connection before it answered.`,
  }),
  nonsense: (service: Named, detail: string): Failure => ({
    status: 502,
    code: 'nonsense',
    message: `${called(service)} answered with something that is not HTTP (${detail}).`,
  }),
  timeout: (service: Named, ms: number): Failure => ({
    status: 504,
    code: 'timeout',
    message: `${called(service)} did not begin to answer within ${ms / 1000} s.`,
  }),
}

const TITLES: Record<number, string> = {
  400: 'Bad request',
  403: 'By invitation',
  404: 'Nothing here',
  405: 'Not allowed',
  408: 'Too slow',
  413: 'Too large',
  502: 'The app is broken',
  503: 'Not serving right now',
  504: 'No answer in time',
}

/** Whether the caller speaks gRPC itself (not its variant for browsers, which is plain HTTP). */
export const isGrpc = (contentType: string | null) =>
  contentType !== null && /^application\/grpc(?:[+;]|$)/i.test(contentType)

/** HTTP status to gRPC status, as the gRPC project maps them, apart from what the router knows better. */
const GRPC_STATUS: Record<number, number> = {
  400: 13,
  403: 7,
  404: 12,
  408: 4,
  413: 8,
  502: 14,
  503: 14,
  504: 4,
}

/** The trailers that tell a gRPC client what failed. */
export function grpcTrailers({ status, message }: Pick<Failure, 'status' | 'message'>): [string, string][] {
  const encoded = [...Buffer.from(message)]
    .map((byte) =>
      byte < 0x20 || byte > 0x7e || byte === 0x25
        ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
        : String.fromCharCode(byte),
    )
    .join('')
  return [
    ['grpc-status', String(GRPC_STATUS[status] ?? 2)],
    ['grpc-message', encoded],
  ]
}

/** The failure as an answer that is a head alone. */
export function grpcHeaders(failure: Failure, requestId: string): string[] {
  const own = ['content-type', 'application/grpc', 'x-tow-router', failure.code, 'x-request-id', requestId]
  return [...own, ...grpcTrailers(failure).flat()]
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`)
}

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1rem;color:#1c2733}' +
  '@media(prefers-color-scheme:dark){body{background:#12181f;color:#dbe4ec}}small{opacity:.6}'

/** The failure as HTML where the client asks for that, else as JSON. Headers are a flat list of names and values. */
export function page(
  failure: Failure,
  accept: string | null,
  requestId: string,
): { headers: string[]; body: string } {
  const html = accept?.includes('text/html') === true
  const headers = ['cache-control', 'no-store', 'x-tow-router', failure.code, 'x-request-id', requestId]
  if (failure.retryAfterSeconds) headers.push('retry-after', String(failure.retryAfterSeconds))
  if (!html) {
    const { code, message, offers } = failure
    const body = `${JSON.stringify({ error: { code, message, requestId, ...(offers?.length && { offers }) } })}\n`
    return { headers: [...headers, 'content-type', 'application/json; charset=utf-8'], body }
  }
  const title = escapeHtml(TITLES[failure.status] ?? 'Failed')
  const offers = (failure.offers ?? []).map(
    (url) => `<li><a href="${escapeHtml(url)}">${escapeHtml(url)}</a></li>`,
  )
  const body =
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><style>${STYLE}</style>` +
    (failure.reloads ? `<meta http-equiv="refresh" content="${failure.retryAfterSeconds ?? 5}">` : '') +
    `<h1>${title}</h1><p>${escapeHtml(failure.message)}</p>${offers.length ? `<ul>${offers.join('')}</ul>` : ''}` +
    `<p><small>${failure.status} ${escapeHtml(failure.code)}, request ${escapeHtml(requestId)}</small></p></html>\n`
  const policy = "default-src 'none'; style-src 'unsafe-inline'"
  headers.push('content-type', 'text/html; charset=utf-8', 'content-security-policy', policy)
  return { headers, body }
}
