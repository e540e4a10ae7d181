import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [
    { name: '<space>', description: 'its name' },
    { name: '<invitation>', description: 'its id, from tow spaces invitations' },
  ],
  examples: [['tow spaces uninvite mine i_7f3a2b1c', 'the link ends; who came in with it is out']],
  async run({ terminal, json, connect }, [space, id]) {
    const client = await connect()
    const ended = await client.spaces.uninvite({ space: space!, id: id! })
    if (json) return void printJson(terminal, ended)
    terminal.say(`The link for ${ended.for} into ${space} has ended.`)
    return void terminal.say(
      `Undo: tow spaces invite ${space} --for '${ended.for}', which makes another link`,
    )
  },
}
