import { TowError } from '../../api/errors.ts'
import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../command.ts'
import { chooseEnvironment } from '../environment.ts'
import { wholeNumber } from '../help.ts'
import { chooseApp } from '../places.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '[counts...]', description: 'web=3 worker=0, or web=source for what the source says' }],
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    { flags: '--reason <text>', description: 'why, for those who meet it later' },
  ],
  examples: [
    ['tow scale web=3 --reason "launch day"', 'three web processes until someone clears it'],
    ['tow scale web=source', 'back to what tow.yaml or the Procfile says'],
    ['tow scale', 'how many run, and how many are wanted'],
  ],
  async run({ terminal, json, connect, home, cwd }, words, options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    if (words.length === 0) {
      const { environments } = await client.apps.get({ app })
      const place = environments.find((one) => one.environment === environment)
      if (json) return void printJson(terminal, place?.processes ?? {})
      for (const [name, { wanted, healthy }] of Object.entries(place?.processes ?? {}))
        terminal.print(`${name}=${wanted}  (${healthy} healthy)`)
      return undefined
    }
    const { counts } = await client.processes.scale({
      app,
      environment,
      counts: Object.fromEntries(words.map(readCount)),
      ...(typeof options.reason === 'string' ? { reason: options.reason } : {}),
    })
    if (json) return void printJson(terminal, counts)
    for (const [name, { before, after }] of Object.entries(counts))
      terminal.say(`${name}: ${before} → ${after}`)
    const undo = Object.entries(counts).map(([name, { before }]) => `${name}=${before}`)
    return void terminal.say(`Undo: tow scale ${undo.join(' ')} -a ${app} -e ${environment}`)
  },
}

function readCount(word: string): [string, number | null] {
  const [name, count, ...rest] = word.split('=')
  if (!name || count === undefined || rest.length > 0)
    throw new TowError('USAGE', `"${word}" is not like web=2`, { hint: 'tow scale --help' })
  return [name, count === 'source' ? null : wholeNumber(count, `the count of ${name}`)]
}
