import { TowError } from '../../../api/errors.ts'
import { APP_OPTION, type Command, ENVIRONMENT_OPTION, SPACE_OPTION } from '../../command.ts'
import { chooseCopy } from '../../environment.ts'
import { readAll } from '../../terminal/input.ts'
import { announceConfig, announceForSpace } from './announce.ts'

export const command: Command = {
  arguments: [{ name: '<pairs...>', description: 'KEY=value; KEY=- reads the value from standard input' }],
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    SPACE_OPTION,
    { flags: '--secret', description: 'keep the values secret: encrypted, never printed' },
    { flags: '--plain', description: 'no secrets, although their names look like it' },
    { flags: '--detach', description: 'do not wait for the rollout' },
  ],
  examples: [
    ['tow config set REGION=eu LOG_LEVEL=debug', 'one release for both'],
    ['tow config set REGION=us --space mine', 'for the space mine alone'],
    ['tow config set --secret API_KEY=- < key.txt', 'a secret that no shell history keeps'],
  ],
  async run(context, pairs, options) {
    const { connect } = context
    if (options.secret && options.plain) {
      throw new TowError('USAGE', '--secret and --plain say the opposite of each other')
    }
    const client = await connect()
    const copy = await chooseCopy(client, context, options)
    const { app, environment, space } = copy
    const set: Record<string, { value: string; secret?: boolean }> = {}
    for (const pair of pairs) {
      const at = pair.indexOf('=')
      if (at < 1)
        throw new TowError('USAGE', `"${pair.slice(0, 40)}" is not like KEY=value`, {
          hint: 'tow config set --help',
        })
      const value = pair.slice(at + 1)
      set[pair.slice(0, at)] = {
        value: value === '-' ? (await readAll(process.stdin)).replace(/\r?\n$/, '') : value,
        ...(options.secret ? { secret: true } : options.plain ? { secret: false } : {}),
      }
    }
    if (space !== undefined)
      return announceForSpace(context, copy, await client.spaces.configure({ app, space, set }))
    const result = await client.config.set({ app, environment, set })
    return announceConfig(context, client, { app, environment, result, detach: options.detach === true })
  },
}
