import type { Command } from '../../command.ts'
import { describeGrants } from '../../grants.ts'
import { printJson } from '../../terminal/terminal.ts'
import { age, columns } from '../../terminal/text.ts'

export const command: Command = {
  options: [{ flags: '--of <person>', description: 'of a person or a machine, for administrators' }],
  examples: [
    ['tow tokens', 'your tokens, until when, and when they were last used'],
    ['tow tokens --of ci', 'those of the machine ci'],
  ],
  async run({ terminal, json, connect }, _args, { of }) {
    const { tokens } = await connect()
    const found = typeof of === 'string' ? await tokens.listOf({ person: of }) : await tokens.list()
    if (json) return void printJson(terminal, found)
    if (found.length === 0) return void terminal.say('No token. tow tokens add <name> makes one.')
    const rows = found.map(({ name, roles, signedIn, expiresAt, lastUsedAt }) => [
      name,
      signedIn ? 'all (a sign-in)' : roles === null ? 'all' : describeGrants(roles),
      expiresAt.slice(0, 10),
      lastUsedAt ? `${age(lastUsedAt)} ago` : 'never',
    ])
    return void terminal.print(columns([['TOKEN', 'MAY', 'UNTIL', 'USED'], ...rows]))
  },
}
