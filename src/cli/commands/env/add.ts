import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<name>', description: 'lower-case letters, digits and hyphens' }],
  options: [
    { flags: '--engine <kind>', description: 'what runs it', default: 'local' },
    { flags: '--before <environment>', description: 'its place in the pipeline (default: the end)' },
  ],
  examples: [['tow env add qa --before prod', 'a third environment between stage and prod']],
  async run({ terminal, json, connect }, [name], options) {
    const environment = await (await connect()).environments.add({
      name: name!,
      engine: String(options.engine),
      ...(typeof options.before === 'string' ? { before: options.before } : {}),
    })
    if (json) return void printJson(terminal, environment)
    terminal.say(
      `${environment.name} is there. tow promote <app> --to ${environment.name} brings an app into it.`,
    )
    return void terminal.say(`Undo: tow env remove ${environment.name}`)
  },
}
