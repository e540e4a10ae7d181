import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'
import { age, bytes, columns } from '../../terminal/text.ts'

export const command: Command = {
  examples: [['tow dumps', 'what databases of spaces can be filled from']],
  async run({ terminal, json, connect }) {
    const dumps = await (await connect()).dumps.list()
    if (json) return void printJson(terminal, dumps)
    if (dumps.length === 0)
      return void terminal.say('There are no dumps. tow dumps add demo missions -e stage takes one.')
    const rows = dumps.map((dump) => [
      ...[dump.name, dump.app, dump.environment, dump.problem ?? dump.state],
      ...[dump.state === 'ready' ? bytes(dump.bytes) : '-', dump.by, age(dump.at)],
    ])
    return void terminal.print(columns([['DUMP', 'APP', 'FROM', 'STATE', 'SIZE', 'BY', 'AGE'], ...rows]))
  },
}
