import { TowError } from '../../../api/errors.ts'
import type { Command } from '../../command.ts'
import { hoursOf, left, printLinks } from '../../spaces.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<space>', description: 'its name' }],
  options: [
    { flags: '--for <whom>', description: 'whom it is meant for, as the timeline shows it' },
    { flags: '--expires <time>', description: 'like 12h, 2d or 1w', default: '2d' },
  ],
  examples: [['tow spaces invite mine --for qa --expires 2d', 'a link that lets in whoever has it']],
  async run({ terminal, json, connect }, [space], options) {
    if (typeof options.for !== 'string')
      throw new TowError('USAGE', 'say whom the link is for', { hint: `tow spaces invite ${space} --for qa` })
    const client = await connect()
    const invitation = await client.spaces.invite({
      space: space!,
      for: options.for,
      expiresInHours: hoursOf(String(options.expires), '--expires'),
    })
    if (json) return void printJson(terminal, invitation)
    terminal.say(
      `Lets ${options.for} into ${space} for ${left(invitation.expiresAt)}, and whoever else has the link.`,
    )
    printLinks(terminal, invitation.links)
    return void terminal.say(`Undo: tow spaces uninvite ${space} ${invitation.id}`)
  },
}
