import { TowError } from '../../api/errors.ts'
import type { Difference } from '../../api/processes.ts'
import { APP_OPTION, type Command, ENVIRONMENT_OPTION, SPACE_OPTION } from '../command.ts'
import { type Copy, chooseCopy, flagsOf } from '../environment.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    SPACE_OPTION,
    { flags: '--mend', description: 'put everything back to what was asked for' },
    { flags: '--adopt', description: 'keep the counts of processes as they are now' },
  ],
  examples: [
    ['tow drift -e prod', 'what differs from what was applied, and which program changed it'],
    ['tow drift --mend -e prod', 'put back; only processes that were changed themselves start anew'],
    ['tow drift --adopt -e prod', 'somebody ran kubectl scale in the night, and was right'],
    ['tow drift --space mine', 'of the copy in the space mine; tow restart puts it back'],
  ],
  async run({ terminal, json, connect, home, cwd }, _args, options) {
    if (options.mend && options.adopt)
      throw new TowError('USAGE', '--mend puts back and --adopt keeps: choose one of them')
    const client = await connect()
    const copy = await chooseCopy(client, { home, cwd }, options)
    const where = flagsOf(copy)
    if (!options.mend && !options.adopt) {
      const found = await client.processes.drift(copy)
      if (json) return void printJson(terminal, found)
      for (const { message } of found) terminal.print(message)
      return void terminal.say(next(found, copy))
    }
    if (copy.space !== undefined)
      throw new TowError('USAGE', 'a copy in a space is put back as a whole', {
        hint: `tow restart ${where}`,
      })
    const choice = options.mend ? 'mend' : 'adopt'
    const { differences, counts } = await client.processes.settleDrift({ ...copy, choice })
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

function next(found: readonly Difference[], copy: Copy): string {
  const where = flagsOf(copy)
  if (found.length === 0) return 'Nothing differs from what was asked for.'
  if (copy.space !== undefined) return `tow restart ${where} puts it back.`
  const isWholly = found.every(({ count }) => count !== null)
  const keep = isWholly ? `; tow drift --adopt ${where} keeps it` : ''
  return `tow drift --mend ${where} puts it back${keep}.`
}
