import { TowError } from '../../../api/errors.ts'
import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [
    { name: '<app>', description: 'the app' },
    { name: '[team]', description: 'the team that answers for it from now on' },
  ],
  options: [{ flags: '--none', description: 'nobody: any developer of an environment may change it there' }],
  examples: [
    ['tow apps owner missions', 'the team that it belongs to'],
    ['tow apps owner missions field-team', 'gives it to field-team'],
  ],
  async run({ terminal, json, connect }, [app, team], { none }) {
    const client = await connect()
    if (team !== undefined && none) throw new TowError('USAGE', 'either a team or --none, not both')
    if (team === undefined && !none) {
      const { owner } = await client.apps.get({ app: app! })
      if (json) return void printJson(terminal, { app, owner })
      return owner === null ? void terminal.say(`${app} belongs to nobody.`) : void terminal.print(owner)
    }
    const given = await client.apps.own({ app: app!, owner: team ?? null })
    if (json) return void printJson(terminal, given)
    terminal.say(`${given.app} belongs to ${given.owner ?? 'nobody'}.`)
    if (given.before !== given.owner) terminal.say(`Undo: tow apps owner ${app} ${given.before ?? '--none'}`)
    return undefined
  },
}
