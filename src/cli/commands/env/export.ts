import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../../command.ts'
import { chooseEnvironment } from '../../environment.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  options: [
    ENVIRONMENT_OPTION,
    { ...APP_OPTION, description: 'one app alone (default: all that run there)' },
  ],
  examples: [
    ['tow env export -e live > live.yaml', 'the exact manifests, for GitOps and audits'],
    ['tow env export -e live -a shop', 'those of one app'],
  ],
  async run({ terminal, json, connect }, _args, options) {
    const client = await connect()
    const environment = await chooseEnvironment(client, options.env)
    const apps = await client.environments.export({
      name: environment,
      ...(typeof options.app === 'string' ? { app: options.app } : {}),
    })
    if (json) return void printJson(terminal, apps)
    if (apps.length === 0) return void terminal.say(`Nothing runs in ${environment}.`)
    for (const { text } of apps) terminal.print(text.trimEnd())
    return undefined
  },
}
