import { TowError } from '../../api/errors.ts'
import { APP_OPTION, type Command, ENVIRONMENT_OPTION, SPACE_OPTION } from '../command.ts'
import { chooseCopy, flagsOf, versionOf } from '../environment.ts'
import { attachTerminal } from '../terminal/attach.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  arguments: [{ name: '<command...>', description: 'run by sh, in a process of the live release' }],
  options: [
    APP_OPTION,
    ENVIRONMENT_OPTION,
    SPACE_OPTION,
    { flags: '-d, --detach', description: 'do not wait; tow logs shows what it writes' },
    { flags: '--no-tty', description: 'pipes instead of a terminal' },
  ],
  passThrough: true,
  examples: [
    ['tow run -a missions node src/migrate.js', 'its output here, its exit code passed through'],
    ['tow run -a missions sh', 'a shell with the app’s config'],
    ['tow run --space mine sh', 'the same in the space mine'],
    ['tow run -d -a missions node src/nightly.js', 'in the background'],
  ],
  async run({ terminal, json, connect, home, cwd, signal }, words, options) {
    const client = await connect()
    const copy = await chooseCopy(client, { home, cwd }, options)
    const tty = options.tty !== false && !options.detach && process.stdin.isTTY && process.stdout.isTTY
    const run = await client.processes.run({
      ...copy,
      command: words.map(quoted).join(' '),
      detached: options.detach === true,
      ...(tty ? { terminal: { columns: process.stdout.columns, rows: process.stdout.rows } } : {}),
    })
    if (options.detach) {
      if (json) printJson(terminal, run)
      else
        terminal.say(
          `${run.id} runs on ${versionOf(copy, run.release)}. tow logs ${flagsOf(copy)} -p run shows what it writes.`,
        )
      return 0
    }
    const end = await attachTerminal(client, run.id, { tty, signal })
    if (end.state === 'unknown')
      throw new TowError('FAILED', end.reason ?? `how ${run.id} ended is not known`)
    if (end.state === 'failed' && end.exit === null && end.reason) throw new TowError('FAILED', end.reason)
    return end.exit ?? 0
  },
}

/** One word stays one word for the shell; a single argument is a whole command line already. */
function quoted(word: string, _index: number, words: readonly string[]): string {
  if (words.length === 1 || /^[\w@%+=:,./-]+$/.test(word)) return word
  return `'${word.replaceAll("'", `'\\''`)}'`
}
