/** Names of one's own as people read them: a row for each, then what is to be done. */
import type { Domain } from '../api/domains.ts'
import type { Terminal } from './terminal/terminal.ts'
import { columns } from './terminal/text.ts'

const COLOURS = { ready: 'green', pending: 'yellow', attention: 'red', unknown: 'yellow' } as const
const HEAD = ['NAME', 'APP', 'ENV', 'CERTIFICATE', 'UNTIL', 'DNS', 'STATE']

export function printDomains(terminal: Terminal, domains: readonly Domain[]): void {
  const rows = domains.map(({ host, app, environment, certificate, expiresAt, dns, state }) => [
    ...[host, app, environment, certificate ?? '-', expiresAt?.slice(0, 10) ?? '-'],
    dns.agrees === null ? '?' : dns.agrees ? 'agrees' : 'differs',
    terminal.paint(COLOURS[state], state),
  ])
  terminal.print(columns([HEAD, ...rows]))
}

export function printFindings(terminal: Terminal, { host, findings }: Domain): void {
  for (const { message, hint } of findings) {
    terminal.say(message.includes(host) ? message : `${host}: ${message}`)
    if (hint !== null) for (const line of hint.split('\n')) terminal.say(`  ${line}`)
  }
}
