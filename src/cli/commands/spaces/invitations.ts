import type { Command } from '../../command.ts'
import { left } from '../../spaces.ts'
import { printJson } from '../../terminal/terminal.ts'
import { age, columns } from '../../terminal/text.ts'

export const command: Command = {
  arguments: [{ name: '<space>', description: 'its name' }],
  examples: [['tow spaces invitations mine', 'for whom, by whom, until when; the links are told once']],
  async run({ terminal, json, connect }, [space]) {
    const client = await connect()
    const invitations = await client.spaces.invitations({ space: space! })
    if (json) return void printJson(terminal, invitations)
    if (invitations.length === 0)
      return void terminal.say(`Nobody was invited into ${space}. tow spaces invite ${space} --for qa`)
    const rows = invitations.map((one) => [
      ...[one.id, one.for, one.by, `${age(one.createdAt)} ago`],
      one.state === 'open' ? `open, expires in ${left(one.expiresAt)}` : one.state,
    ])
    return void terminal.print(columns([['INVITATION', 'FOR', 'BY', 'MADE', 'STATE'], ...rows]))
  },
}
