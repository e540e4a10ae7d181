import { TowError } from '../../../api/errors.ts'
import type { Command } from '../../command.ts'
import { describeGrants, flagsOf, grantsOf, ROLE_OPTIONS } from '../../grants.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<person>', description: 'a person or a machine' }],
  options: ROLE_OPTIONS,
  examples: [['tow people withdraw bea --role operator -e prod', 'prod is no more hers']],
  async run({ terminal, json, connect }, [person], options) {
    const take = grantsOf(options)
    if (take.length === 0)
      throw new TowError('USAGE', 'which role?', { hint: `tow people withdraw ${person} --role developer` })
    const changed = await (await connect()).people.change({ person: person!, take })
    if (json) return void printJson(terminal, changed)
    terminal.say(`${changed.name}: ${describeGrants(changed.roles)}.`)
    for (const flags of flagsOf(take)) terminal.say(`Undo: tow people grant ${person} ${flags}`)
    return undefined
  },
}
