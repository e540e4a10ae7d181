import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { chooseApp } from '../../places.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  options: [APP_OPTION, ENVIRONMENT_OPTION],
  examples: [['tow maintenance off -e prod', 'visitors reach the app again']],
  async run({ terminal, json, connect, home, cwd }, _args, options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    const set = await client.processes.maintain({ app, environment, maintenance: null })
    if (json) return void printJson(terminal, set)
    return void terminal.say(`${app} in ${environment} is open to the outside.`)
  },
}
