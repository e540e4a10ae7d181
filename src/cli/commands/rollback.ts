import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../command.ts'
import { differenceRows } from '../differences.ts'
import { chooseEnvironment } from '../environment.ts'
import { followRollouts } from '../follow.ts'
import { releaseNumber } from '../help.ts'
import { chooseApp } from '../places.ts'
import { printJson } from '../terminal/terminal.ts'
import { columns } from '../terminal/text.ts'

export const command: Command = {
  arguments: [{ name: '[version]', description: 'default: the last release that was live before this one' }],
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    { flags: '--with-secrets', description: 'also the secrets as they were then' },
    { flags: '--plan', description: 'only tell what would differ' },
    { flags: '--detach', description: 'do not wait for the rollout' },
  ],
  examples: [
    ['tow rollback', 'a new release with the code and plain config of the one before'],
    ['tow rollback v11 -e prod --plan', 'what that would change'],
  ],
  async run({ terminal, json, connect, home, cwd, signal }, [version], options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, options.app)
    const environment = await chooseEnvironment(client, options.env)
    const result = await client.releases.rollback({
      app,
      environment,
      ...(version === undefined ? {} : { to: releaseNumber(version) }),
      withSecrets: options.withSecrets === true,
      plan: options.plan === true,
    })
    if (result.differences.length === 0) terminal.say(`v${result.to} does not differ from what serves.`)
    else terminal.say(columns(differenceRows(terminal, result.differences), '  '))
    if (json) printJson(terminal, result)
    if (!result.release || !result.rollout) return 0
    terminal.say(`v${result.release.number} of ${app} in ${environment} is v${result.to} again.`)
    const exit = options.detach ? 0 : await followRollouts(client, terminal, [result.rollout], signal)
    if (result.undo) terminal.say(`Undo: ${result.undo}`)
    return exit
  },
}
