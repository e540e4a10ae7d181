import { TowError } from '../../api/errors.ts'
import type { Difference } from '../../api/processes.ts'
import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../command.ts'
import { chooseEnvironment } from '../environment.ts'
import { chooseApp } from '../places.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    { flags: '--mend', description: 'put everything back to what was asked for' },
    { flags: '--adopt', description: 'keep the counts of processes as they are now' },
  ],
  examples: [
    ['tow drift -e prod', 'what differs from what was applied, and which program changed it'],
    ['tow drift --mend -e prod', 'put back; only processes that were changed themselves start anew'],
    ['tow drift --adopt -e prod', 'somebody ran kubectl scale in the night, and was right'],
  ],
  async run({ terminal, json, connect, home, cwd }, _args, options) {
    if (options.mend && options.adopt)
      throw new TowError('USAGE', '--mend puts back and --adopt keeps: choose one of them')
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    const place = { app, environment }
    const where = `-a ${app} -e ${environment}`
    if (!options.mend && !options.adopt) {
      const found = await client.processes.drift(place)
      if (json) return void printJson(terminal, found)
      for (const { message } of found) terminal.print(message)
      return void terminal.say(next(found, where))
    }
    const choice = options.mend ? 'mend' : 'adopt'
    const { differences, counts } = await client.processes.settleDrift({ ...place, choice })
    if (json) return void printJson(terminal, { differences, counts })
    for (const { message } of differences) terminal.print(message)
    if (differences.length === 0) return void terminal.say('Nothing differs from what was asked for.')
    if (choice === 'mend') return void terminal.say(`Being put back. tow drift ${where} shows what is left.`)
    const told = Object.entries(counts)
    terminal.say(`Adopted: ${told.map(([process, { after }]) => `${process}=${after}`).join(' ')}`)
    const undo = told.map(([process, { before }]) => `${process}=${before}`)
    return void terminal.say(`Undo: tow scale ${undo.join(' ')} ${where}`)
  },
}

function next(found: readonly Difference[], where: string): string {
  if (found.length === 0) return 'Nothing differs from what was asked for.'
  const isWholly = found.every(({ count }) => count !== null)
  const keep = isWholly ? `; tow drift --adopt ${where} keeps it` : ''
  return `tow drift --mend ${where} puts it back${keep}.`
}
