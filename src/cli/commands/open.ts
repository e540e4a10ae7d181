import { spawn } from 'node:child_process'
import { TowError } from '../../api/errors.ts'
import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../command.ts'
import { chooseEnvironment } from '../environment.ts'
import { chooseApp } from '../places.ts'

export const command: Command = {
  arguments: [{ name: '[app]', description: 'default: the app shipped from this folder' }],
  options: [APP_OPTION, ENVIRONMENT_OPTION],
  examples: [['tow open web -e prod', 'opens it, and prints the URL']],
  async run({ terminal, connect, home, cwd }, [name], options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, name ?? options.app)
    const environment = await chooseEnvironment(client, options.env)
    const place = (await client.apps.get({ app })).environments.find((one) => one.environment === environment)
    const url = place?.urls[0]
    if (!url) throw new TowError('NOT_FOUND', `${app} has no URL in ${environment}`, { hint: 'tow ship' })
    terminal.print(url)
    if (terminal.interactive) {
      const opener = spawn(process.platform === 'darwin' ? 'open' : 'xdg-open', [url], {
        stdio: 'ignore',
        detached: true,
      })
      // No browser here: the URL is printed.
      opener.on('error', () => {})
      opener.unref()
    }
    return undefined
  },
}
