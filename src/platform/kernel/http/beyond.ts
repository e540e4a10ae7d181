/**
 * The entrance beyond loopback, beside the one that is always there: the same routes behind the same guard, over TLS
 * unless somebody said otherwise in so many words.
 */

import type { X509Certificate } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https'
import { isIP } from 'node:net'
import { TowError } from '../../../api/errors.ts'
import type { Log } from '../log.ts'
import { type Entrance, enterBy, LOOPBACK, STRANGERS_BODY_MILLISECONDS } from './entrance.ts'
import { readTlsPair, type TlsFiles, watchTlsFiles } from './tls-files.ts'
import { refuseUnreadable } from './unreadable.ts'

export interface Beyond {
  /** `0.0.0.0`, `::`, or one address of this machine. */
  host: string
  /** 0: any. */
  port: number
  /** Further names to answer to, beside those of the certificate. */
  names: readonly string[]
  /** Null: whatever travels can be read on the way. */
  tls: TlsFiles | null
  /** How long the body of somebody unknown may take. */
  strangersBodyMilliseconds?: number
  /** How often the files are looked at; default: every 10 seconds. */
  lookEveryMilliseconds?: number
}

export interface OpenBeyond {
  url: string
  close(): Promise<void>
}

interface Routes {
  request: RequestListener
  upgrades: (server: Server) => void
  log: Log
  now: () => Date
}

const LOOK_EVERY = 10_000
/** A header that takes longer to arrive is somebody holding connections open. */
const HEADER_MILLISECONDS = 20_000
const KEEP_ALIVE_MILLISECONDS = 72_000
/** Bodies may be large and slow: pushes are. */
const NO_LIMIT = 0

export const isLoopback = (host: string) => host === 'localhost' || host === '::1' || /^127\./.test(host)

export async function openBeyond(
  beyond: Beyond,
  { request, upgrades, log, now }: Routes,
): Promise<OpenBeyond> {
  const { host, tls, names } = beyond
  const limits = {
    headersTimeout: HEADER_MILLISECONDS,
    keepAliveTimeout: KEEP_ALIVE_MILLISECONDS,
    requestTimeout: NO_LIMIT,
  }
  const first = tls && readTlsPair(tls, now())
  let leaf = first?.leaf
  const server = first
    ? createSecureServer({ ...limits, cert: first.cert, key: first.key, minVersion: 'TLSv1.2' })
    : createServer(limits)
  const entrance: Entrance = {
    scheme: tls ? 'https' : 'http',
    isLocal: isLoopback(host),
    answersTo: (name, address) =>
      names.includes(name) ||
      (isLoopback(host) && LOOPBACK.answersTo(name, address)) ||
      isOwnAddress(name, address) ||
      (leaf !== undefined && isNamedBy(leaf, name)),
    strangersBodyMilliseconds: beyond.strangersBodyMilliseconds ?? STRANGERS_BODY_MILLISECONDS,
    names: [...names, ...(tls ? ['the names of its certificate'] : []), 'its own addresses'].join(', '),
  }
  // Before all others: whoever looks at the request later knows where it came in.
  for (const event of ['request', 'upgrade']) server.on(event, (incoming) => enterBy(entrance, incoming))
  server.on('request', request)
  server.on('clientError', refuseUnreadable)
  upgrades(server)

  function renew() {
    try {
      const next = readTlsPair(tls!, now())
      ;(server as SecureServer).setSecureContext({ cert: next.cert, key: next.key })
      leaf = next.leaf
      log.info('the certificate was read again', { until: next.leaf.validTo })
    } catch (error) {
      // Often one of the two files is new already and the other not yet: the next look finds both.
      const why = error instanceof Error ? error.message : String(error)
      log.warn('the certificate changed and can’t be used: the one before stays', { why })
    }
  }

  await listen(server, beyond)
  const unwatch = tls ? watchTlsFiles(tls, beyond.lookEveryMilliseconds ?? LOOK_EVERY, renew) : () => {}
  const { port } = server.address() as { port: number }
  return {
    url: `${entrance.scheme}://${urlHost(names[0] ?? (first && firstName(first.leaf)) ?? host)}:${port}`,
    async close() {
      unwatch()
      const closed = new Promise<void>((done) => server.close(() => done()))
      server.closeAllConnections()
      await closed
    },
  }
}

function listen(server: Server, { host, port }: Beyond): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => reject(refusal(cause, host, port)))
    server.listen({ host, port }, resolve)
  })
}

function refusal(cause: NodeJS.ErrnoException, host: string, port: number): Error {
  const at = `${urlHost(host)}:${port}`
  if (cause.code === 'EADDRINUSE') {
    return new TowError('CONFLICT', `${at} is taken by another program`, {
      hint: 'choose another port',
      cause,
    })
  }
  if (cause.code === 'EACCES') {
    return new TowError('REFUSED', `the platform may not listen on ${at}`, {
      hint: 'ports below 1024 are for root: choose another, and let port 443 lead there',
      cause,
    })
  }
  if (cause.code === 'EADDRNOTAVAIL' || cause.code === 'ENOTFOUND') {
    return new TowError('USAGE', `${host} is no address of this machine`, {
      hint: '--listen 0.0.0.0:8700 is all of them',
      cause,
    })
  }
  return cause
}

function isNamedBy(leaf: X509Certificate, name: string): boolean {
  const address = name.replace(/^\[|\]$/g, '')
  return (isIP(address) ? leaf.checkIP(address) : leaf.checkHost(name)) !== undefined
}

/** An address is no name that somebody else could lead here. */
function isOwnAddress(name: string, address: string): boolean {
  return name.replace(/^\[|\]$/g, '') === address.replace(/^::ffff:(?=\d+\.)/i, '')
}

const firstName = (leaf: X509Certificate) =>
  /(?:DNS|IP Address):([^,\s*]+)/.exec(leaf.subjectAltName ?? '')?.[1]

const urlHost = (host: string) => (isIP(host) === 6 ? `[${host}]` : host)
