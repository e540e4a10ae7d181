import type { Command } from '../../command.ts'
import { hoursOf, left } from '../../spaces.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<space>', description: 'its name' }],
  options: [
    {
      flags: '--for <time>',
      description: 'from now on, like 12h, 2d or 1w; as long again by use',
      default: '1w',
    },
    { flags: '--banner', description: 'pages show what is being looked at' },
    { flags: '--no-banner', description: 'pages stay as they are' },
  ],
  examples: [
    ['tow spaces extend mine --for 2w', 'two weeks from now'],
    ['tow spaces extend mine --no-banner', 'a week, and pages without the banner'],
  ],
  async run({ terminal, json, connect }, [space], options) {
    const client = await connect()
    const extended = await client.spaces.extend({
      space: space!,
      expiresInHours: hoursOf(String(options.for), '--for'),
      ...(typeof options.banner === 'boolean' ? { banner: options.banner } : {}),
    })
    if (json) return void printJson(terminal, extended)
    terminal.say(`${space} expires in ${left(extended.expiresAt)}, and later where it is used.`)
    return 0
  },
}
