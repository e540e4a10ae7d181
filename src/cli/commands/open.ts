import { spawn } from 'node:child_process'
import { TowError } from '../../api/errors.ts'
import { APP_OPTION, type Command, ENVIRONMENT_OPTION } from '../command.ts'
import { chooseEnvironment } from '../environment.ts'
import { chooseApp } from '../places.ts'
import type { Terminal } from '../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '[app]', description: 'default: the app shipped from this folder' }],
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    { flags: '--console', description: 'the platform itself, with a browser that is signed in as you' },
  ],
  examples: [
    ['tow open web -e prod', 'opens it, and prints the URL'],
    ['tow open --console', 'signs a browser in, by an address that works once and for a minute'],
  ],
  async run({ terminal, connect, home, cwd }, [name], options) {
    const client = await connect()
    if (options.console) {
      const { path, code } = await client.signIn.browser()
      openUrl(terminal, `${client.url}${path}?code=${code}`)
      return undefined
    }
    const app = await chooseApp(home, cwd, name ?? options.app)
    const environment = await chooseEnvironment(client, options.env)
    const place = (await client.apps.get({ app })).environments.find((one) => one.environment === environment)
    const url = place?.urls[0]
    if (!url) throw new TowError('NOT_FOUND', `${app} has no URL in ${environment}`, { hint: 'tow ship' })
    openUrl(terminal, url)
    return undefined
  },
}

function openUrl(terminal: Terminal, url: string): void {
  terminal.print(url)
  if (!terminal.interactive) return
  const opener = spawn(process.platform === 'darwin' ? 'open' : 'xdg-open', [url], {
    stdio: 'ignore',
    detached: true,
  })
  // No browser here: the URL is printed.
  opener.on('error', () => {})
  opener.unref()
}
