import { type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<drain>', description: 'its id, from tow drains' }],
  options: [ENVIRONMENT_OPTION],
  examples: [['tow drains remove d_7f3a2b1c -e prod', 'what was sent stays where it is']],
  async run({ terminal, json, connect }, [id], options) {
    const client = await connect()
    const environment = await chooseEnvironment(client, options.env)
    const removed = await client.drains.remove({ environment, id: id! })
    if (json) return void printJson(terminal, removed)
    terminal.say(`Nothing of ${environment} is sent to ${removed.url} any more.`)
    return void terminal.say(
      `Undo: tow drains add ${removed.url} -e ${environment}, with its headers and credentials again; lines from then on are sent.`,
    )
  },
}
