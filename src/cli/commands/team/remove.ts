import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<team>', description: 'a team that owns no app' }],
  examples: [['tow team remove field-team', 'its members stay, as themselves']],
  async run({ terminal, json, connect }, [name]) {
    const team = await (await connect()).teams.remove({ team: name! })
    if (json) return void printJson(terminal, team)
    terminal.say(`${team.name} is removed.`)
    const back = team.members.map((person) => `; tow team join ${team.name} ${person}`)
    return void terminal.say(`Undo: tow team add ${team.name}${back.join('')}`)
  },
}
