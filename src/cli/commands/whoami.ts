import type { Command } from '../command.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  examples: [['tow whoami', 'your name, and what you may do']],
  async run({ terminal, json, connect }) {
    const me = await (await connect()).access.whoami()
    if (json) return void printJson(terminal, me)
    return void terminal.print(`${me.name} (${me.roles.join(', ')})`)
  },
}
