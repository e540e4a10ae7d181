import { TowError } from '../../../api/errors.ts'
import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<app>', description: 'the app' }],
  options: [{ flags: '--confirm <app>', description: 'the name once more, where nobody can be asked' }],
  examples: [['tow apps remove missions', 'asks for the name once more, then stops it in every environment']],
  async run({ terminal, json, connect }, [app], options) {
    const client = await connect()
    await client.apps.get({ app: app! })
    const confirm =
      typeof options.confirm === 'string' ? options.confirm : await ask(terminal.interactive, app!)
    const removed = await client.apps.remove({ app: app!, confirm })
    if (json) return void printJson(terminal, removed)
    terminal.say(
      `${removed.app} is stopped and forgotten in ${removed.environments.join(' and ') || 'every environment'}.`,
    )
    if (removed.keptDatabases.length > 0) {
      terminal.say(
        `Kept: the databases ${removed.keptDatabases.join(', ')}. tow needs lists them; tow needs remove drops one for ever.`,
      )
    }
    terminal.say(`Undo: tow ship, in its folder.`)
    return undefined
  },
}

async function ask(interactive: boolean, app: string): Promise<string> {
  if (!interactive)
    throw new TowError('USAGE', `removing ${app} asks for its name once more`, {
      hint: `tow apps remove ${app} --confirm ${app}`,
    })
  const { isCancel, text } = await import('@clack/prompts')
  const answer = await text({ message: `This stops ${app} in every environment. Type its name to go on:` })
  if (isCancel(answer)) throw new TowError('CANCELLED', 'Nothing was removed.')
  return answer
}
