/** From what somebody typed, or set, to where the platform listens beyond loopback. Pure. */
import { isIP } from 'node:net'
import { TowError } from '../api/errors.ts'
import { isRefusedByBrowsers } from '../api/ports.ts'
import { type Beyond, isLoopback } from './kernel/http/beyond.ts'

export interface Typed {
  listen?: string | undefined
  'tls-cert'?: string | undefined
  'tls-key'?: string | undefined
  name?: readonly string[] | undefined
  'insecure-plain-http'?: boolean | undefined
  'shared-builds'?: boolean | undefined
}

/** Whether what people ship may be built here: by those on this machine always, by others only when that was said. */
export function mayBuild(beyond: Beyond | null, { 'shared-builds': isShared }: Typed): boolean {
  return beyond === null || isLoopback(beyond.host) || isShared === true
}

/** Null where nothing was asked for: loopback alone. */
export function readListening(
  typed: Typed,
  env: Readonly<Record<string, string | undefined>>,
): Beyond | null {
  const listen = typed.listen ?? env.TOW_LISTEN
  const cert = typed['tls-cert'] ?? env.TOW_TLS_CERT
  const key = typed['tls-key'] ?? env.TOW_TLS_KEY
  const names = (typed.name ?? env.TOW_NAMES?.split(',') ?? []).map((name) => name.trim().toLowerCase())
  const isPlain = typed['insecure-plain-http'] === true
  if (listen === undefined) {
    if (typed['shared-builds']) throw usage('--shared-builds says nothing without --listen', 'leave it out')
    const given = [...(cert || key ? ['--tls-cert'] : []), ...(isPlain ? ['--insecure-plain-http'] : [])]
    if (given.length === 0 && names.length === 0) return null
    throw usage(
      `${given[0] ?? '--name'} says nothing without an address to listen on`,
      '--listen 0.0.0.0:8700',
    )
  }
  const { host, port } = readAddress(listen)
  for (const name of names) {
    if (!/^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/.test(name)) {
      throw usage(
        `--name must be a host’s name without a port, not ${JSON.stringify(name)}`,
        '--name tow.example.com',
      )
    }
  }
  if ((cert === undefined) !== (key === undefined)) {
    throw usage(`--tls-${cert ? 'key' : 'cert'} is missing: TLS needs both files`, '--tls-cert F --tls-key F')
  }
  if (cert !== undefined && isPlain) {
    throw usage('--insecure-plain-http and --tls-cert say opposite things', 'leave out one of them')
  }
  const tls = cert !== undefined && key !== undefined ? { cert, key } : null
  if (!tls && !isPlain && !isLoopback(host)) {
    throw usage(
      `beyond this machine the platform speaks TLS: ${listen} needs --tls-cert and --tls-key`,
      'on a network where nobody else listens, --insecure-plain-http says so; passwords and tokens can then be read on the way',
    )
  }
  return { host, port, names, tls }
}

function readAddress(text: string): { host: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  const isFit = host !== undefined && (isIP(host) !== 0 || host === 'localhost') && port < 65_536
  if (!isFit) {
    throw usage(
      `--listen must be an address and a port, not ${JSON.stringify(text)}`,
      '--listen 0.0.0.0:8700',
    )
  }
  if (isRefusedByBrowsers(port)) throw usage(`no browser opens port ${port}`, '--listen 0.0.0.0:8700')
  return { host, port }
}

function usage(message: string, hint: string): TowError {
  return new TowError('USAGE', message, { hint })
}
