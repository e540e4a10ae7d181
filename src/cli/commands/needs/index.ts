import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'
import { age, columns } from '../../terminal/text.ts'

export const command: Command = {
  examples: [['tow needs', 'databases by app and environment, those of removed apps and of spaces too']],
  async run({ terminal, json, connect }) {
    const needs = await (await connect()).needs.list()
    if (json) return void printJson(terminal, needs)
    if (needs.length === 0)
      return void terminal.say('No app needs anything: "needs: [postgres]" in tow.yaml asks for a database.')
    const rows = needs.map((need) => [
      need.app,
      need.space === null ? need.environment : `${need.space} over ${need.environment}`,
      need.kind,
      need.database,
      age(need.createdAt),
      need.kept ? 'kept; its app is gone' : '',
    ])
    return void terminal.print(columns([['APP', 'ENV', 'KIND', 'DATABASE', 'AGE', ''], ...rows]))
  },
}
