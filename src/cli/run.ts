/** One call of the command line, from words to an exit code; main.ts gives it the process, tests give it their own. */
import { join } from 'node:path'
import { ERROR_CODES, TowError } from '../api/errors.ts'
import { defaultHome } from '../api/home.ts'
import { nearest } from '../api/nearest.ts'
import { VERSION } from '../api/version.ts'
import type { CommandContext, Options } from './command.ts'
import { COMMANDS, type CommandEntry } from './commands/index.ts'
import { overview } from './help.ts'
import { reportError } from './terminal/failure.ts'
import { createTerminal } from './terminal/terminal.ts'

export interface Call {
  argv: string[]
  env: NodeJS.ProcessEnv
  cwd: string
  uid: number
  homedir: string
  streams: { stdin: NodeJS.ReadStream; stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream }
}

const INTERRUPTED = 130

export async function run(call: Call): Promise<number> {
  const terminal = createTerminal({ ...call.streams, env: call.env })
  const words = splitTopic(call.argv)
  const json = words.includes('--json')
  try {
    const first = words[0]
    if (
      first === undefined ||
      first === '--help' ||
      first === '-h' ||
      (first === 'help' && words.length === 1)
    ) {
      terminal.print(overview(COMMANDS))
      return 0
    }
    if (first === '--version' || first === '-V') {
      terminal.print(VERSION)
      return 0
    }
    if (first === 'help') return await dispatch([...words.slice(1), '--help'])
    return await dispatch(words)
  } catch (error) {
    return reportError(terminal, error, json)
  }

  async function dispatch(args: string[]): Promise<number> {
    const entry = findCommand(args)
    if (!entry) {
      const known = COMMANDS.map(({ path }) => path)
      const words = args.filter((word) => !word.startsWith('-'))
      const near = nearest(words.slice(0, 2).join(' '), known) ?? nearest(args[0] ?? '', known)
      throw new TowError('USAGE', `there is no command "${args[0]}"`, {
        hint: near ? `tow ${near}` : 'tow --help',
      })
    }
    const [{ registerCommand }, { command }] = await Promise.all([import('./register.ts'), entry.load()])
    const interruption = listenForInterrupts()
    let exit = 0
    const program = registerCommand(entry, command, terminal, async (values: string[], options: Options) => {
      const context: CommandContext = {
        terminal,
        cwd: call.cwd,
        env: call.env,
        home: defaultHome(call),
        configHome: join(call.env.XDG_CONFIG_HOME || join(call.homedir, '.config'), 'towpath'),
        signal: interruption.signal,
        json: options.json === true,
        connect: async () =>
          (await elsewhere()) ?? (await import('./platform/connect.ts')).connect(context.home),
        publicUrl: async () => {
          if (await elsewhere()) return null
          return (await (await import('./platform/connect.ts')).findPlatform(context.home))?.publicUrl ?? null
        },
        connectOrStart: async () => {
          const chosen = await elsewhere()
          if (chosen) return chosen
          const { clientOf, startPlatform } = await import('./platform/connect.ts')
          const { file, started } = await startPlatform(context)
          if (started)
            terminal.say(terminal.tint('dim', `started the platform (${file.url}); tow down stops it`))
          return clientOf(file)
        },
      }
      /** A client of the platform that this person chose; null: the one on this machine. */
      async function elsewhere() {
        const { chosenPlatform } = await import('./platform/chosen.ts')
        const chosen = await chosenPlatform(context)
        return chosen && (await import('../client/client.ts')).createClient(chosen)
      }
      exit = (await command.run(context, values, options)) ?? 0
    })
    try {
      await program.parseAsync(args.slice(entry.path.split(' ').length), { from: 'user' })
    } catch (error) {
      if (interruption.signal.aborted) return INTERRUPTED
      const usage = commanderExit(error)
      if (usage === null) throw error
      return usage
    } finally {
      interruption.stop()
    }
    return interruption.signal.aborted && exit === 0 ? INTERRUPTED : exit
  }
}

/** `config:set` is `config set`; only the first word is a command, so only there. */
function splitTopic(argv: string[]): string[] {
  const [first, ...rest] = argv
  if (first === undefined) return []
  return first.startsWith('-') ? argv : [...first.split(':'), ...rest]
}

/** The longest command that the words begin with. */
function findCommand(words: string[]): CommandEntry | undefined {
  const two = words.slice(0, 2).join(' ')
  return COMMANDS.find(({ path }) => path === two) ?? COMMANDS.find(({ path }) => path === words[0])
}

/** Commander ends by throwing; help is no failure, everything else is wrong usage and has been said already. */
function commanderExit(error: unknown): number | null {
  const { code, exitCode } = error as { code?: string; exitCode?: number }
  if (typeof code !== 'string' || !code.startsWith('commander.')) return null
  return exitCode === 0 ? 0 : ERROR_CODES.USAGE.exit
}

/** The first Ctrl-C lets the command end in order, the second ends it at once. */
function listenForInterrupts(): { signal: AbortSignal; stop: () => void } {
  const controller = new AbortController()
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(INTERRUPTED)
    controller.abort()
  }
  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  return {
    signal: controller.signal,
    stop() {
      process.off('SIGINT', interrupt)
      process.off('SIGTERM', interrupt)
    },
  }
}
