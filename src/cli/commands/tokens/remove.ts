import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<name>', description: 'as tow tokens shows it' }],
  options: [{ flags: '--of <person>', description: 'of a person or a machine, for administrators' }],
  examples: [
    ['tow tokens remove dashboard', 'it opens no door from now on'],
    ['tow tokens remove ci --of ci', 'that of the machine ci'],
  ],
  async run({ terminal, json, connect }, [name], { of }) {
    const { tokens } = await connect()
    const gone =
      typeof of === 'string'
        ? await tokens.removeOf({ person: of, name: name! })
        : await tokens.remove({ name: name! })
    if (json) return void printJson(terminal, gone)
    terminal.say(`${gone.name} has ended.`)
    return void terminal.say('There is no undo: tow tokens add makes another.')
  },
}
