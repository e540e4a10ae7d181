/** One command as a program of commander's. Loaded when a command is called: `tow --help` has no need of it. */
import { Option as Flag, Command as Program } from 'commander'
import type { Command, Options } from './command.ts'
import type { CommandEntry } from './commands/index.ts'
import type { Terminal } from './terminal/terminal.ts'
import { columns } from './terminal/text.ts'

/** Options, help and the action of a command; `parseAsync` runs it. */
export function registerCommand(
  entry: CommandEntry,
  command: Command,
  terminal: Terminal,
  action: (values: string[], options: Options) => Promise<void>,
): Program {
  const program = new Program(`tow ${entry.path}`)
  program
    .description(entry.summary)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.write(text),
      writeErr: (text) => terminal.say(text.replace(/^error: /, '✗ ').trimEnd()),
    })
    .showSuggestionAfterError(true)
    .showHelpAfterError(`  tow ${entry.path} --help`)
    .addHelpText(
      'after',
      `\nExamples:\n${columns(
        command.examples.map(([line, meaning]) => [line, meaning]),
        '  ',
      )}`,
    )
  for (const argument of command.arguments ?? []) program.argument(argument.name, argument.description)
  for (const option of command.options ?? []) {
    if (option.many) {
      program.option(
        option.flags,
        option.description,
        (value, before: string[]) => [...before, value],
        [] as string[],
      )
    } else {
      program.addOption(new Flag(option.flags, option.description).default(option.default))
    }
  }
  program.option('--json', 'print data for machines')
  if (command.passThrough) program.passThroughOptions()
  return program.action(async () => action(program.args, program.opts()))
}
