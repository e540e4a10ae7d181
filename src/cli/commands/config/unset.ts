import { APP_OPTION, type Command, ENVIRONMENT_OPTION, SPACE_OPTION } from '../../command.ts'
import { chooseCopy } from '../../environment.ts'
import { announceConfig, announceForSpace } from './announce.ts'

export const command: Command = {
  arguments: [{ name: '<keys...>', description: 'the keys' }],
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    SPACE_OPTION,
    { flags: '--detach', description: 'do not wait for the rollout' },
  ],
  examples: [
    ['tow config unset LOG_LEVEL', 'a release without it'],
    ['tow config unset LOG_LEVEL --space mine', 'in the space mine it is the environment’s again'],
  ],
  async run(context, keys, options) {
    const client = await context.connect()
    const copy = await chooseCopy(client, context, options)
    const { app, environment, space } = copy
    if (space !== undefined)
      return announceForSpace(context, copy, await client.spaces.configure({ app, space, unset: keys }))
    const result = await client.config.set({ app, environment, unset: keys })
    return announceConfig(context, client, { app, environment, result, detach: options.detach === true })
  },
}
