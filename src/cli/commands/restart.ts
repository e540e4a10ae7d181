import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../command.ts'
import { chooseEnvironment } from '../environment.ts'
import { chooseApp } from '../places.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '[process]', description: 'default: all of them' }],
  options: [APP_OPTION, ENVIRONMENT_OPTION],
  examples: [['tow restart web', 'each web process in turn; the others go on serving']],
  async run({ terminal, json, connect, home, cwd }, [process], options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    const restarted = await client.processes.restart({
      app,
      environment,
      ...(process === undefined ? {} : { process }),
    })
    if (json) return void printJson(terminal, restarted)
    return void terminal.say(
      `${restarted.processes.join(', ')} of ${app} in ${environment}: being replaced one at a time. tow ps -a ${app} -e ${environment} shows it.`,
    )
  },
}
