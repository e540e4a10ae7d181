import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'
import { columns } from '../../terminal/text.ts'

export const command: Command = {
  examples: [['tow team', 'teams, who is in them, and what they own']],
  async run({ terminal, json, connect }) {
    const teams = await (await connect()).teams.list()
    if (json) return void printJson(terminal, teams)
    if (teams.length === 0) return void terminal.say('No team yet. tow team add <name> makes one.')
    const rows = teams.map(({ name, members, apps }) => [
      name,
      members.join(', ') || '-',
      apps.join(', ') || '-',
    ])
    return void terminal.print(columns([['TEAM', 'MEMBERS', 'APPS'], ...rows]))
  },
}
