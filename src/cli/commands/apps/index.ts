import type { AppInEnvironment } from '../../../api/apps.ts'
import type { Command } from '../../command.ts'
import { printJson, type Terminal } from '../../terminal/terminal.ts'
import { age, columns, shortCommit } from '../../terminal/text.ts'

export const command: Command = {
  options: [{ flags: '-e, --env <name>', description: 'only this environment' }],
  examples: [
    ['tow apps', 'every app, with its release and state in each environment'],
    ['tow apps -e prod --json', 'the same for prod, for a script'],
  ],
  async run({ terminal, json, connect }, _args, options) {
    const client = await connect()
    const apps = await client.apps.list(typeof options.env === 'string' ? { environment: options.env } : {})
    if (json) return void printJson(terminal, apps)
    if (apps.length === 0)
      return void terminal.say('No app yet. tow ship, in a folder with one, makes the first.')
    const rows = apps.flatMap((app) =>
      app.environments.map((place, index) => [
        index === 0 ? app.name : '',
        place.environment,
        place.release === null ? '-' : `v${place.release}`,
        shownState(terminal, place),
        shortCommit(place.commit),
        age(place.releasedAt),
        place.urls[0] ?? '',
      ]),
    )
    terminal.print(columns([['APP', 'ENV', 'RELEASE', 'STATE', 'COMMIT', 'AGE', 'URL'], ...rows]))
    for (const app of apps) {
      for (const place of app.environments) {
        if (place.reason) terminal.say(`${app.name} in ${place.environment}: ${place.reason}`)
      }
    }
    return undefined
  },
}

function shownState(terminal: Terminal, { state }: AppInEnvironment): string {
  if (state === 'healthy') return terminal.paint('green', 'healthy')
  if (state === 'none') return terminal.paint('dim', 'none')
  if (state === 'rolling-out') return terminal.paint('cyan', 'rolling out')
  return terminal.paint(state === 'down' ? 'red' : 'yellow', state)
}
