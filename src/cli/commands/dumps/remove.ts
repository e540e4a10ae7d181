import { TowError } from '../../../api/errors.ts'
import { nearest } from '../../../api/nearest.ts'
import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<name>', description: 'of the dump' }],
  examples: [['tow dumps remove demo', 'databases that were filled from it stay as they are']],
  async run({ terminal, json, connect }, [name]) {
    const client = await connect()
    const all = await client.dumps.list()
    const dump = all.find((one) => one.name === name)
    if (!dump) {
      const near = nearest(
        name!,
        all.map((one) => one.name),
      )
      throw new TowError('NOT_FOUND', `there is no dump "${name}"`, {
        hint: near ? `did you mean ${near}?` : 'tow dumps',
      })
    }
    const removed = await client.dumps.remove({
      name: dump.name,
      app: dump.app,
      environment: dump.environment,
    })
    if (json) return void printJson(terminal, removed)
    return void terminal.say(
      `${name} is removed. Undo: tow dumps add ${name} ${dump.app} -e ${dump.environment}, as it is now`,
    )
  },
}
