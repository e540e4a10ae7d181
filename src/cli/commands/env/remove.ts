import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<name>', description: 'the environment' }],
  examples: [['tow env remove qa', 'refused while an app runs there']],
  async run({ terminal, json, connect }, [name]) {
    const removed = await (await connect()).environments.remove({ name: name! })
    if (json) return void printJson(terminal, removed)
    return void terminal.say(`${removed.name} is gone. Undo: tow env add ${removed.name}`)
  },
}
