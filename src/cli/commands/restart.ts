import { APP_OPTION, type Command, ENVIRONMENT_OPTION, SPACE_OPTION } from '../command.ts'
import { chooseCopy, flagsOf, placeOf } from '../environment.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '[process]', description: 'default: all of them' }],
  options: [APP_OPTION, ENVIRONMENT_OPTION, SPACE_OPTION],
  examples: [['tow restart web', 'each web process in turn; the others go on serving']],
  async run({ terminal, json, connect, home, cwd }, [process], options) {
    const client = await connect()
    const copy = await chooseCopy(client, { home, cwd }, options)
    const restarted = await client.processes.restart({
      ...copy,
      ...(process === undefined ? {} : { process }),
    })
    if (json) return void printJson(terminal, restarted)
    return void terminal.say(
      `${restarted.processes.join(', ')} of ${copy.app} in ${placeOf(copy)}: being replaced${
        copy.space === undefined ? ' one at a time' : ''
      }. tow ps ${flagsOf(copy)} shows it.`,
    )
  },
}
