import { APP_OPTION, type Command, ENVIRONMENT_OPTION, SPACE_OPTION } from '../../command.ts'
import { chooseCopy, placeOf } from '../../environment.ts'
import { printJson } from '../../terminal/terminal.ts'
import { columns } from '../../terminal/text.ts'

export const command: Command = {
  options: [APP_OPTION, ENVIRONMENT_OPTION, SPACE_OPTION],
  examples: [
    ['tow config -a missions -e prod', 'keys, values and where each comes from; secrets stay hidden'],
    ['tow config --space mine', 'what the space mine has otherwise'],
    ['tow config set REGION=eu --secret API_KEY=...', 'one release for both'],
  ],
  async run({ terminal, json, connect, home, cwd }, _args, options) {
    const client = await connect()
    const copy = await chooseCopy(client, { home, cwd }, options)
    const { app, space } = copy
    const entries =
      space === undefined ? await client.config.list(copy) : await client.spaces.config({ app, space })
    if (json) return void printJson(terminal, entries)
    if (entries.length === 0)
      return void terminal.say(
        space === undefined
          ? `${app} has no config in ${copy.environment}.`
          : `Nothing of ${app} differs in ${placeOf(copy)}.`,
      )
    const rows = entries.map(({ key, secret, value, source, by }) => [
      key,
      secret ? terminal.paint('dim', '(secret)') : (value ?? ''),
      source === 'set' ? `set by ${by}` : source,
    ])
    return void terminal.print(columns([['KEY', 'VALUE', 'FROM'], ...rows]))
  },
}
