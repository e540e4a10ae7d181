import { type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<app>', description: 'the app' }],
  options: [ENVIRONMENT_OPTION],
  examples: [['tow spaces unswap missions', 'its traffic is the environment’s own again, whoever had it']],
  async run({ terminal, json, connect }, [app], options) {
    const client = await connect()
    const environment = await chooseEnvironment(client, options.env)
    const given = await client.spaces.unswap({ app: app!, environment })
    if (json) return void printJson(terminal, given)
    terminal.say(`The traffic for ${app} in ${environment} is its own again; ${given.space} had it.`)
    return void terminal.say(`Undo: tow spaces swap ${app} --space ${given.space}`)
  },
}
