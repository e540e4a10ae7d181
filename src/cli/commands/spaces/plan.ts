import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'
import { columns } from '../../terminal/text.ts'

export const command: Command = {
  arguments: [{ name: '<space>', description: 'its name' }],
  examples: [['tow spaces plan mine', 'code, config, processes: what is not as in the environment below']],
  async run({ terminal, json, connect }, [space]) {
    const client = await connect()
    const plan = await client.spaces.plan({ space: space! })
    if (json) return void printJson(terminal, plan)
    if (plan.length === 0) return void terminal.say(`Nothing is in ${space}: all of it is the environment’s.`)
    for (const { app, below, differences } of plan) {
      terminal.print(`${app} (below: ${below === null ? 'nothing' : `v${below}`})`)
      if (differences.length === 0) terminal.print('  nothing differs')
      else {
        const rows = differences.map(({ kind, name, before, after }) => [
          kind,
          name,
          before ?? '-',
          '→',
          after ?? '-',
        ])
        terminal.print(columns(rows, '  '))
      }
    }
    return 0
  },
}
