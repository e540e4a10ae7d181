import type { Command } from '../command.ts'
import { describeGrants } from '../grants.ts'
import { printJson } from '../terminal/terminal.ts'

const SOURCES = {
  'token-file': 'the token file of whoever started the platform',
  'sign-in': 'a sign-in',
  token: 'the token',
  session: 'a session in the browser',
} as const

export const command: Command = {
  examples: [['tow whoami', 'your name, what you may do, and how the platform knows']],
  async run({ terminal, json, connect }) {
    const me = await (await connect()).access.whoami()
    if (json) return void printJson(terminal, me)
    const { kind, name, expiresAt } = me.credential
    terminal.print(`${me.name} (${describeGrants(me.roles)})`)
    if (me.teams.length > 0) terminal.print(`teams: ${me.teams.join(', ')}`)
    const until = expiresAt ? `, until ${expiresAt.slice(0, 10)}` : ''
    terminal.print(`known by ${SOURCES[kind]}${name ? ` ${name}` : ''}${until}`)
    return undefined
  },
}
