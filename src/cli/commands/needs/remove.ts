import { TowError } from '../../../api/errors.ts'
import { type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<app>', description: 'an app that was removed' }],
  options: [
    ENVIRONMENT_OPTION,
    { flags: '--confirm <database>', description: 'the database’s name, from tow needs' },
  ],
  examples: [['tow needs remove missions -e stage --confirm missions_stage', 'drops the data for ever']],
  async run({ terminal, json, connect }, [app], options) {
    const client = await connect()
    const environment = await chooseEnvironment(client, options.env)
    if (typeof options.confirm !== 'string') {
      const kept = (await client.needs.list()).find(
        (need) => need.app === app && need.environment === environment && need.space === null,
      )
      throw new TowError(
        'USAGE',
        `dropping the database of ${app} in ${environment} can't be undone, so its name is asked for`,
        {
          hint: kept ? `tow needs remove ${app} -e ${environment} --confirm ${kept.database}` : 'tow needs',
        },
      )
    }
    const removed = await client.needs.remove({ app: app!, environment, confirm: options.confirm })
    if (json) return void printJson(terminal, removed)
    return void terminal.say(`${removed.database} is dropped. This can't be undone.`)
  },
}
