import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [
    { name: '<team>', description: 'the team' },
    { name: '<person>', description: 'a person or a machine' },
  ],
  examples: [
    ['tow team join field-team bea', 'the apps of field-team are hers to change, where she is a developer'],
  ],
  async run({ terminal, json, connect }, [name, person]) {
    const team = await (await connect()).teams.join({ team: name!, person: person! })
    if (json) return void printJson(terminal, team)
    terminal.say(`${team.name}: ${team.members.join(', ') || 'nobody'}.`)
    return void terminal.say(`Undo: tow team leave ${team.name} ${person}`)
  },
}
