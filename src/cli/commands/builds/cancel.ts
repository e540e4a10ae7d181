import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<build>', description: 'its id, from tow builds' }],
  examples: [['tow builds cancel b_4f7k2m9q1xza', 'ends it; what serves is not touched']],
  async run({ terminal, json, connect }, [id]) {
    const build = await (await connect()).builds.cancel({ id: id! })
    if (json) return void printJson(terminal, build)
    return void terminal.say(`Build ${build.id} of ${build.app}: ${build.state}. Undo: tow ship.`)
  },
}
