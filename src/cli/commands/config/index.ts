import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { chooseApp } from '../../places.ts'
import { printJson } from '../../terminal/terminal.ts'
import { columns } from '../../terminal/text.ts'

export const command: Command = {
  options: [APP_OPTION, ENVIRONMENT_OPTION],
  examples: [
    ['tow config -a missions -e prod', 'keys, values and where each comes from; secrets stay hidden'],
    ['tow config set REGION=eu --secret API_KEY=...', 'one release for both'],
  ],
  async run({ terminal, json, connect, home, cwd }, _args, options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    const entries = await client.config.list({ app, environment })
    if (json) return void printJson(terminal, entries)
    if (entries.length === 0) return void terminal.say(`${app} has no config in ${environment}.`)
    const rows = entries.map(({ key, secret, value, source, by }) => [
      key,
      secret ? terminal.paint('dim', '(secret)') : (value ?? ''),
      source === 'set' ? `set by ${by}` : source,
    ])
    return void terminal.print(columns([['KEY', 'VALUE', 'FROM'], ...rows]))
  },
}
