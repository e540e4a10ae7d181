/** What a drain's URL means. Pure; everything that could be a credential stays out of what is shown. */
import { isIPv4 } from 'node:net'
import { refusals } from './messages.ts'

export type Address =
  | { kind: 'otlp'; url: string; headers: Record<string, string>; shown: string }
  | { kind: 'syslog'; host: string; port: number; tls: boolean; shown: string }

const SYSLOG = { 'syslog+tls:': { tls: true, port: 6514 }, 'syslog+tcp:': { tls: false, port: 514 } } as const
const OTLP_PATH = '/v1/logs'

/** Throws BAD_INPUT for what is no address of a drain, REFUSED for one that would send in the clear. */
export function readAddress(text: string, headers: Record<string, string>, plain: boolean): Address {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url) throw refusals.noUrl()
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (host === '') throw refusals.noHost()
  const encrypted = url.protocol === 'https:' || url.protocol === 'syslog+tls:'
  if (url.protocol in SYSLOG) {
    const { tls, port } = SYSLOG[url.protocol as keyof typeof SYSLOG]
    if (url.username || url.password || url.search || !/^\/?$/.test(url.pathname))
      throw refusals.syslogExtras()
    if (Object.keys(headers).length > 0) throw refusals.syslogHeaders()
    if (!encrypted && !plain && !isLoopback(host)) throw refusals.plain(host)
    const at = Number(url.port) || port
    return { kind: 'syslog', host, port: at, tls, shown: `${url.protocol}//${url.hostname}:${at}` }
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw refusals.unknownScheme(url.protocol)
  if (!encrypted && !plain && !isLoopback(host)) throw refusals.plain(host)
  const all = { ...headers }
  if (url.username || url.password) {
    if (Object.keys(headers).some((name) => name.toLowerCase() === 'authorization'))
      throw refusals.twoCredentials()
    const pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
    all.authorization = `Basic ${Buffer.from(pair).toString('base64')}`
    url.username = ''
    url.password = ''
  }
  url.hash = ''
  if (url.pathname === '/') url.pathname = OTLP_PATH
  const shown = `${url.origin}${url.pathname}${url.search ? '?…' : ''}`
  return { kind: 'otlp', url: url.href, headers: all, shown }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}
