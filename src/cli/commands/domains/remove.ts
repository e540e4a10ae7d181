import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { chooseApp } from '../../places.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<name>', description: 'like shop.example.com' }],
  options: [APP_OPTION, ENVIRONMENT_OPTION],
  examples: [['tow domains remove shop.example.com -a shop -e prod', 'its certificate stays where it is']],
  async run({ terminal, json, connect, home, cwd }, [name], options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    const removed = await client.domains.remove({ app, environment, host: name! })
    if (json) return void printJson(terminal, removed)
    const { host, certificate } = removed
    const words = certificate === null ? '' : ` --certificate ${certificate}`
    terminal.say(`${app} in ${environment} no longer answers to ${host}.`)
    return void terminal.say(`Undo: tow domains add ${host} -a ${app} -e ${environment}${words}`)
  },
}
