import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<person>', description: 'somebody whom tow people lists' }],
  examples: [
    [
      'tow people invite grace',
      'a code with which she chooses a password, once; also when she has forgotten it',
    ],
  ],
  async run({ terminal, json, connect, publicUrl }, [person]) {
    const client = await connect()
    const { code, expiresAt } = await client.signIn.invite({ name: person! })
    const url = (await publicUrl()) ?? client.url
    if (json) return void printJson(terminal, { person, code, expiresAt, url })
    terminal.print(code)
    terminal.say(
      `Give ${person} this code, and nobody else; it is good once, until ${expiresAt.slice(0, 10)}:`,
    )
    terminal.say(`  in a terminal   tow login ${url} --invited`)
    return void terminal.say(`  in a browser    ${url}/sign-in/invitation`)
  },
}
