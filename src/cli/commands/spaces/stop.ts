import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [
    { name: '<space>', description: 'its name' },
    { name: '[apps...]', description: 'default: everything in it' },
  ],
  examples: [
    ['tow spaces stop mine', 'calls go to the environment again; the space stays'],
    ['tow spaces stop mine missions', 'one app of it'],
  ],
  async run({ terminal, json, connect }, [space, ...apps]) {
    const client = await connect()
    const { stopped } = await client.spaces.stop({ space: space!, ...(apps.length > 0 ? { apps } : {}) })
    if (json) return void printJson(terminal, { space, stopped })
    if (stopped.length === 0) return void terminal.say(`Nothing of that runs in ${space}.`)
    terminal.say(`${stopped.join(', ')} in ${space}: stopped; calls go to the environment.`)
    return void terminal.say(`Undo: tow spaces start ${space} ${stopped.join(' ')}`)
  },
}
