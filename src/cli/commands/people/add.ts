import type { Command } from '../../command.ts'
import { describeGrants, grantsOf, ROLE_OPTIONS, textsOf } from '../../grants.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<name>', description: 'a login name or an address, in lower case' }],
  options: [
    ...ROLE_OPTIONS,
    { flags: '--team <team>', description: 'a team to be in; may be given several times', many: true },
  ],
  examples: [
    [
      'tow people add bea --role developer -e stage --team field-team',
      'she changes the apps of field-team in stage',
    ],
    ['tow people add sam --role viewer', 'reads everything but secrets'],
  ],
  async run({ terminal, json, connect }, [name], options) {
    const person = await (await connect()).people.add({
      name: name!,
      roles: grantsOf(options),
      teams: textsOf(options.team),
    })
    if (json) return void printJson(terminal, person)
    terminal.say(`${person.name} is known: ${describeGrants(person.roles)}.`)
    terminal.say(`tow people invite ${person.name} lets them sign in.`)
    return void terminal.say(`Undo: tow people remove ${person.name}`)
  },
}
