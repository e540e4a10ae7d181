import type { Command } from '../../command.ts'
import { commitOf, left, stateOf } from '../../spaces.ts'
import { printJson } from '../../terminal/terminal.ts'
import { age, columns } from '../../terminal/text.ts'

export const command: Command = {
  options: [
    { flags: '-e, --env <name>', description: 'only over this environment' },
    { flags: '--owner <name>', description: 'only of this person or machine' },
  ],
  examples: [
    ['tow spaces', 'who has what, from which commit, since when, and what it asked for'],
    ['tow ship --space mine', 'make one, or change it, from this folder'],
  ],
  async run({ terminal, json, connect }, _args, options) {
    const client = await connect()
    const spaces = await client.spaces.list({
      ...(typeof options.env === 'string' ? { environment: options.env } : {}),
      ...(typeof options.owner === 'string' ? { owner: options.owner } : {}),
    })
    if (json) return void printJson(terminal, spaces)
    if (spaces.length === 0) return void terminal.say('There are no spaces. tow ship --space mine makes one.')
    const rows = spaces.flatMap((space) => {
      const expires = space.removing ? 'being removed' : left(space.expiresAt)
      const over = space.full ? `${space.environment} (full)` : space.environment
      const head = [space.name, over, space.owner, expires]
      if (space.apps.length === 0) return [[...head, '-', '-', '-', '-', '-', '-']]
      return space.apps.map((app, index) => [
        ...(index === 0 ? head : ['', '', '', '']),
        ...[app.app, stateOf(terminal, app), commitOf(app), age(app.since)],
        ...[app.cpuHours.toFixed(1), app.memoryGigabyteHours.toFixed(1)],
      ])
    })
    const titles = ['SPACE', 'OVER', 'OWNER', 'EXPIRES', 'APP', 'STATE', 'COMMIT', 'SINCE', 'CPU-H', 'GB-H']
    return void terminal.print(columns([titles, ...rows]))
  },
}
