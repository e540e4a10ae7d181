/** What may be a name, and what is to be done until whoever asks for it gets the app. Pure. */
import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import type { Domain } from '../../../api/domains.ts'
import type { SeenDomain } from '../../../engines/engine.ts'
import { findings, refusals } from './messages.ts'

const LONGEST = 253
const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/
const DAY_MS = 86_400_000
/** Long enough to renew by hand, with somebody on holiday. */
export const WARNING_DAYS = 21
/** A route of the Gateway API lists 16 names, and one is the engine's own. */
export const MOST = 15

/** Lower case and ASCII, as it travels. BAD_INPUT where nobody could ask for it. */
export function readHost(written: string): string {
  const text = written.trim().replace(/\.$/, '')
  if (text.includes('*')) throw refusals.wildcard(text)
  if (/[/:@?#\s\\]/.test(text)) throw refusals.notBare(written)
  const host = domainToASCII(text)
  const labels = host.split('.')
  const isName = host.length <= LONGEST && labels.every((label) => LABEL.test(label))
  if (!isName || isIP(host) !== 0 || /^\d+$/.test(labels.at(-1)!)) throw refusals.noName(written)
  if (labels.length < 2) throw refusals.oneLabel(host)
  return host
}

export interface Facts {
  host: string
  certificate: string | null
  /** What the engine says, or why it says nothing. */
  seen: SeenDomain | null
  away: string | null
  /** Addresses that the name leads to; null where nobody could be asked. */
  leadsTo: string[] | null
  /** Addresses that it has to lead to, names among the engine's entrances resolved. */
  entrances: string[]
  now: number
}

type Judged = Pick<Domain, 'state' | 'expiresAt' | 'url' | 'dns' | 'findings'>

export function judge(facts: Facts): Judged {
  const { host, certificate, seen, leadsTo } = facts
  const dns = {
    leadsTo: leadsTo ?? [],
    wanted: seen?.entrances ?? [],
    agrees: agrees(leadsTo, facts.entrances),
  }
  if (!seen) {
    const message = facts.away ?? 'the engine knows nothing of it yet'
    const state = facts.away === null ? ('pending' as const) : ('unknown' as const)
    return { state, expiresAt: null, url: null, dns, findings: [{ message, hint: null }] }
  }
  const found = [
    ...seen.problems.map(({ message, hint }) => ({ message, hint: hint ?? null })),
    ...expiry(certificate, seen.expiresAt, facts.now),
    ...(dns.agrees === false ? [findings.dns(host, dns.leadsTo, dns.wanted)] : []),
  ]
  const state = found.length > 0 ? 'attention' : seen.isTaken === false ? 'pending' : 'ready'
  return { state, expiresAt: seen.expiresAt, url: seen.url, dns, findings: found }
}

/** Every address of the name is one of the entrances: of two records, one that leads elsewhere takes half the visitors. */
function agrees(leadsTo: readonly string[] | null, entrances: readonly string[]): boolean | null {
  if (leadsTo === null || entrances.length === 0) return null
  return leadsTo.length > 0 && leadsTo.every((address) => entrances.includes(address))
}

function expiry(certificate: string | null, expiresAt: string | null, now: number): Domain['findings'] {
  if (certificate === null || expiresAt === null || !isExpiring(expiresAt, now)) return []
  const days = Math.floor((Date.parse(expiresAt) - now) / DAY_MS)
  return [findings.expiry(certificate, expiresAt.slice(0, 10), days)]
}

export function isExpiring(expiresAt: string, now: number): boolean {
  return Date.parse(expiresAt) - now < WARNING_DAYS * DAY_MS
}

/** What `tow doctor` says: one line for each that asks for somebody, else one for all. */
export function checksOf(all: readonly Domain[]) {
  if (all.length === 0) return []
  const wrong = all.filter(({ state }) => state === 'attention')
  if (wrong.length === 0) {
    const names = all.length === 1 ? all[0]!.host : `${all.length} names of your own`
    return [{ name: 'domains', ok: true, message: `nothing is to be done for ${names}` }]
  }
  return wrong.map(({ host, app, environment, findings: [first] }) => ({
    name: `domain ${host}`,
    ok: false,
    message: `${app} in ${environment}: ${first!.message}`,
    mend: first!.hint ?? `tow domains -a ${app} -e ${environment}`,
  }))
}
