import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<person>', description: 'a person or a machine' }],
  examples: [['tow people revoke bea', 'her laptop is lost: every token and session of hers ends now']],
  async run({ terminal, json, connect }, [person]) {
    const { name, tokens } = await (await connect()).people.revoke({ person: person! })
    if (json) return void printJson(terminal, { name, tokens })
    terminal.say(`Every token (${tokens.join(', ') || 'there was none'}) and session of ${name} has ended.`)
    return void terminal.say('There is no undo: new ones are made by signing in, and with tow tokens add.')
  },
}
