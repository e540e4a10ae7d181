import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [
    { name: '<space>', description: 'its name' },
    { name: '[apps...]', description: 'default: everything in it' },
  ],
  examples: [['tow spaces start mine', 'what was stopped, or sleeps, as it was']],
  async run({ terminal, json, connect }, [space, ...apps]) {
    const client = await connect()
    const { started } = await client.spaces.start({ space: space!, ...(apps.length > 0 ? { apps } : {}) })
    if (json) return void printJson(terminal, { space, started })
    if (started.length === 0) return void terminal.say(`All of that runs in ${space} already.`)
    terminal.say(`${started.join(', ')} in ${space}: starting. tow spaces show ${space}`)
    return void terminal.say(`Undo: tow spaces stop ${space} ${started.join(' ')}`)
  },
}
