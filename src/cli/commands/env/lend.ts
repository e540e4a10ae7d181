import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [
    { name: '<name>', description: 'the environment' },
    { name: '<places...>', description: 'registries or folders in them, e.g. ghcr.io/team' },
  ],
  options: [{ flags: '--take-back', description: 'lend the logins for these places no more' }],
  examples: [
    ['tow env lend live ghcr.io/team', 'tow ship --image ghcr.io/team/... may use the platform’s login'],
    ['tow env lend live ghcr.io/team --take-back', 'and no more'],
  ],
  async run({ terminal, json, connect }, [name, ...places], options) {
    const takesBack = options.takeBack === true
    const client = await connect()
    const environment = await client.environments.lend({
      name: name!,
      ...(takesBack ? { takeBack: places } : { lend: places }),
    })
    if (json) return void printJson(terminal, environment)
    const lent = environment.facts.filter((fact) => fact.name === 'login lent for').map(({ value }) => value)
    terminal.say(
      lent.length === 0
        ? `Beside its own registry no login is lent in ${name}.`
        : `In ${name} logins are lent for its own registry, ${lent.join(', ')}.`,
    )
    return void terminal.say(
      `Undo: tow env lend ${name} ${places.join(' ')}${takesBack ? '' : ' --take-back'}`,
    )
  },
}
