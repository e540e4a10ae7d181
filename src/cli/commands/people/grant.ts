import { TowError } from '../../../api/errors.ts'
import type { Command } from '../../command.ts'
import { describeGrants, flagsOf, grantsOf, ROLE_OPTIONS } from '../../grants.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<person>', description: 'a person or a machine' }],
  options: ROLE_OPTIONS,
  examples: [['tow people grant bea --role operator -e prod', 'also every app in prod']],
  async run({ terminal, json, connect }, [person], options) {
    const give = grantsOf(options)
    if (give.length === 0)
      throw new TowError('USAGE', 'which role?', { hint: `tow people grant ${person} --role developer` })
    const changed = await (await connect()).people.change({ person: person!, give })
    if (json) return void printJson(terminal, changed)
    terminal.say(`${changed.name}: ${describeGrants(changed.roles)}.`)
    for (const flags of flagsOf(give)) terminal.say(`Undo: tow people withdraw ${person} ${flags}`)
    return undefined
  },
}
