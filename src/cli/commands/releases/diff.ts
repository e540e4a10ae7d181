import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { differenceRows } from '../../differences.ts'
import { chooseEnvironment } from '../../environment.ts'
import { releaseNumber } from '../../help.ts'
import { chooseApp } from '../../places.ts'
import { printJson } from '../../terminal/terminal.ts'
import { columns } from '../../terminal/text.ts'

export const command: Command = {
  arguments: [
    { name: '<from>', description: 'a release' },
    { name: '<to>', description: 'another' },
  ],
  options: [APP_OPTION, ENVIRONMENT_OPTION],
  examples: [['tow releases diff v11 v12', 'code, config keys, processes, crons and needs that differ']],
  async run({ terminal, json, connect, home, cwd }, [from, to], options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    const differences = await client.releases.diff({
      app,
      environment,
      from: releaseNumber(from!),
      to: releaseNumber(to!),
    })
    if (json) return void printJson(terminal, differences)
    if (differences.length === 0) return void terminal.say('Nothing differs.')
    return void terminal.print(columns(differenceRows(terminal, differences)))
  },
}
