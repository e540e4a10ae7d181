import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { chooseApp } from '../../places.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  options: [APP_OPTION, ENVIRONMENT_OPTION],
  examples: [
    ['tow maintenance -a missions -e prod', 'whether it is closed to the outside, and with which sentence'],
    ['tow maintenance on --message "Back at noon."', 'closes it; calls between apps go on'],
  ],
  async run({ terminal, json, connect, home, cwd }, _args, options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    const { maintenance } = await client.processes.list({ app, environment })
    if (json) return void printJson(terminal, { maintenance })
    const words = maintenance?.message ? `: ${maintenance.message}` : ''
    return void terminal.print(maintenance ? `on${words}` : 'off')
  },
}
