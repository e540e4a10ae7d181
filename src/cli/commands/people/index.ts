import type { Command } from '../../command.ts'
import { describeGrants } from '../../grants.ts'
import { printJson } from '../../terminal/terminal.ts'
import { columns } from '../../terminal/text.ts'

export const command: Command = {
  examples: [['tow people', 'people and machines, with what they may do']],
  async run({ terminal, json, connect }) {
    const people = await (await connect()).people.list()
    if (json) return void printJson(terminal, people)
    const rows = people.map(({ name, kind, roles, teams }) => [
      name,
      kind,
      describeGrants(roles),
      teams.join(', ') || '-',
    ])
    return void terminal.print(columns([['NAME', 'KIND', 'ROLES', 'TEAMS'], ...rows]))
  },
}
