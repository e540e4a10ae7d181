import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { chooseApp } from '../../places.ts'
import { announceConfig } from './announce.ts'

export const command: Command = {
  arguments: [{ name: '<keys...>', description: 'the keys' }],
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    { flags: '--detach', description: 'do not wait for the rollout' },
  ],
  examples: [['tow config unset LOG_LEVEL', 'a release without it']],
  async run(context, keys, options) {
    const client = await context.connect()
    const app = await chooseApp(context.home, context.cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    const result = await client.config.set({ app, environment, unset: keys })
    return announceConfig(context, client, { app, environment, result, detach: options.detach === true })
  },
}
