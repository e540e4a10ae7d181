import type { Command } from '../command.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  examples: [['tow pipeline', 'a ship goes to the first; tow promote moves it on']],
  async run({ terminal, json, connect }) {
    const pipeline = await (await connect()).pipelines.get()
    if (json) return void printJson(terminal, pipeline)
    return void terminal.print(pipeline.environments.join(' → '))
  },
}
