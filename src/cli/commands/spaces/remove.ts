import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [
    { name: '<space>', description: 'its name' },
    { name: '[apps...]', description: 'only these; default: the whole space' },
  ],
  examples: [
    ['tow spaces remove mine', 'with everything in it; nothing is left behind'],
    ['tow spaces remove mine missions', 'one app of it, which falls through to the environment again'],
  ],
  async run({ terminal, json, connect }, [space, ...apps]) {
    const client = await connect()
    const removed = await client.spaces.remove({ space: space!, ...(apps.length > 0 ? { apps } : {}) })
    if (json) return void printJson(terminal, removed)
    const what = apps.length > 0 ? `${removed.apps.join(', ')} of ${space}` : `The space ${space}`
    terminal.say(`${what} over ${removed.environment} is being removed.`)
    return void terminal.say(`Undo: tow ship --space ${space}, from the folder or commit that was in it`)
  },
}
