import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'
import { age, columns } from '../../terminal/text.ts'

export const command: Command = {
  examples: [['tow env', 'environments in the order of the pipeline, with their engines']],
  async run({ terminal, json, connect }) {
    const environments = await (await connect()).environments.list()
    if (json) return void printJson(terminal, environments)
    const rows = environments.map(({ name, engine, createdAt, facts }) => [
      name,
      engine,
      age(createdAt),
      facts.map((fact) => `${fact.name} ${fact.value}`).join(', '),
    ])
    return void terminal.print(columns([['ENV', 'ENGINE', 'AGE', ''], ...rows]))
  },
}
