import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { TowError } from '../../../api/errors.ts'
import { type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { readAll } from '../../terminal/input.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [
    {
      name: '<url>',
      description: 'https://… (OTLP), syslog+tls://host:6514 or syslog+tcp://host:514 (syslog)',
    },
  ],
  options: [
    ENVIRONMENT_OPTION,
    {
      flags: '--header <name=value>',
      description: 'sent with every request and kept sealed; name=- reads the value from standard input',
      many: true,
    },
    { flags: '--authorities <file>', description: 'PEM certificates to trust beside the usual ones' },
    { flags: '--plain', description: 'let lines travel unencrypted to another machine' },
  ],
  examples: [
    [
      'tow drains add https://otel.example.com -e prod --header Authorization=- < token.txt',
      'OTLP, with a token',
    ],
    ['tow drains add syslog+tls://logs.example.com:6514', 'syslog over TLS'],
  ],
  async run({ terminal, json, connect, cwd }, [url], options) {
    const client = await connect()
    const environment = await chooseEnvironment(client, options.env)
    const headers: Record<string, string> = {}
    for (const pair of (options.header as string[] | undefined) ?? []) {
      const at = pair.indexOf('=')
      if (at < 1)
        throw new TowError('USAGE', '--header is like Authorization=value', { hint: 'tow drains add --help' })
      const value = pair.slice(at + 1)
      headers[pair.slice(0, at)] = value === '-' ? (await readAll(process.stdin)).trim() : value
    }
    const drain = await client.drains.add({
      environment,
      url: url!,
      headers,
      plain: options.plain === true,
      ...(typeof options.authorities === 'string'
        ? { authorities: await readFile(resolve(cwd, options.authorities), 'utf8') }
        : {}),
    })
    if (json) return void printJson(terminal, drain)
    terminal.say(`The log lines of ${environment} are sent to ${drain.url} from now on: tow drains`)
    return void terminal.say(`Undo: tow drains remove ${drain.id} -e ${environment}`)
  },
}
