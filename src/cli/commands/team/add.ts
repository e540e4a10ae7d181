import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [
    { name: '<name>', description: 'lower-case letters, digits and hyphens; what owner: names in tow.yaml' },
  ],
  examples: [['tow team add field-team', 'a team that can own apps']],
  async run({ terminal, json, connect }, [name]) {
    const team = await (await connect()).teams.add({ name: name! })
    if (json) return void printJson(terminal, team)
    terminal.say(`${team.name} is there. tow team join ${team.name} <person> takes someone in.`)
    return void terminal.say(`Undo: tow team remove ${team.name}`)
  },
}
