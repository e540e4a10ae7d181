import { TowError } from '../../api/errors.ts'
import type { Client } from '../../client/client.ts'
import { APP_OPTION, type Command, ENVIRONMENT_OPTION, SPACE_OPTION } from '../command.ts'
import { type Copy, chooseCopy, flagsOf } from '../environment.ts'
import { wholeNumber } from '../help.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '[counts...]', description: 'web=3 worker=0, or web=source for what the source says' }],
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    SPACE_OPTION,
    { flags: '--reason <text>', description: 'why, for those who meet it later' },
  ],
  examples: [
    ['tow scale web=3 --reason "launch day"', 'three web processes until someone clears it'],
    ['tow scale web=source', 'back to what tow.yaml or the Procfile says'],
    ['tow scale worker=1 --space mine', 'of the copy in the space mine; worker=source: as it was delivered'],
    ['tow scale', 'how many run, and how many are wanted'],
  ],
  async run({ terminal, json, connect, home, cwd }, words, options) {
    const client = await connect()
    const copy = await chooseCopy(client, { home, cwd }, options)
    if (words.length === 0) {
      const processes = await countsOf(client, copy)
      if (json) return void printJson(terminal, processes)
      for (const [name, { wanted, healthy }] of Object.entries(processes))
        terminal.print(`${name}=${wanted}  (${healthy ?? 'nobody knows how many'} healthy)`)
      return undefined
    }
    const { counts } = await client.processes.scale({
      ...copy,
      counts: Object.fromEntries(words.map(readCount)),
      ...(typeof options.reason === 'string' ? { reason: options.reason } : {}),
    })
    if (json) return void printJson(terminal, counts)
    for (const [name, { before, after }] of Object.entries(counts))
      terminal.say(`${name}: ${before} → ${after}`)
    const undo = Object.entries(counts).map(([name, { before }]) => `${name}=${before}`)
    return void terminal.say(`Undo: tow scale ${undo.join(' ')} ${flagsOf(copy)}`)
  },
}

type Counts = Record<string, { wanted: number; healthy: number | null }>

async function countsOf(client: Client, { app, environment, space }: Copy): Promise<Counts> {
  if (space !== undefined) {
    const { apps } = await client.spaces.get({ space })
    return apps.find((one) => one.app === app)?.processes ?? {}
  }
  const { environments } = await client.apps.get({ app })
  return environments.find((one) => one.environment === environment)?.processes ?? {}
}

function readCount(word: string): [string, number | null] {
  const [name, count, ...rest] = word.split('=')
  if (!name || count === undefined || rest.length > 0)
    throw new TowError('USAGE', `"${word}" is not like web=2`, { hint: 'tow scale --help' })
  return [name, count === 'source' ? null : wholeNumber(count, `the count of ${name}`)]
}
