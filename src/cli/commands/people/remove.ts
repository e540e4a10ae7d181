import type { Command } from '../../command.ts'
import { flagsOf } from '../../grants.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<person>', description: 'a person or a machine' }],
  examples: [['tow people remove bea', 'nothing of hers opens a door any more; the timeline keeps her name']],
  async run({ terminal, json, connect }, [person]) {
    const gone = await (await connect()).people.remove({ person: person! })
    if (json) return void printJson(terminal, gone)
    const [first = '', ...others] = flagsOf(gone.roles)
    const teams = gone.teams.map((team) => ` --team ${team}`).join('')
    terminal.say(`${gone.name} is removed, with every token and session.`)
    if (gone.kind === 'machine') terminal.say(`Undo: tow tokens add ${gone.name} --machine ${first}${teams}`)
    else terminal.say(`Undo: tow people add ${gone.name} ${first}${teams}`)
    for (const flags of others) terminal.say(`      tow people grant ${gone.name} ${flags}`)
    return undefined
  },
}
