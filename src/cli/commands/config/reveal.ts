import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { chooseApp } from '../../places.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<key>', description: 'the key' }],
  options: [APP_OPTION, ENVIRONMENT_OPTION],
  examples: [['tow config reveal API_KEY -e prod', 'prints it; the timeline says that you asked']],
  async run({ terminal, json, connect, home, cwd }, [key], options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    const revealed = await client.config.reveal({ app, environment, key: key! })
    if (json) return void printJson(terminal, revealed)
    return void terminal.print(revealed.value)
  },
}
