import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { chooseApp } from '../../places.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    {
      flags: '--message <text>',
      description: 'what visitors read; default: that the app is being maintained',
    },
  ],
  examples: [
    [
      'tow maintenance on -e prod --message "Back at noon."',
      '503 with this sentence until tow maintenance off',
    ],
  ],
  async run({ terminal, json, connect, home, cwd }, _args, options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    const message = typeof options.message === 'string' ? options.message : ''
    const set = await client.processes.maintain({ app, environment, maintenance: { message } })
    if (json) return void printJson(terminal, set)
    terminal.say(
      `${app} in ${environment} is closed to the outside; its processes and calls between apps go on.`,
    )
    return void terminal.say(`Undo: tow maintenance off -a ${app} -e ${environment}`)
  },
}
