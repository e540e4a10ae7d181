import type { Command } from '../command.ts'
import { wholeNumber } from '../help.ts'
import { installAtLogin } from '../platform/at-login.ts'
import { startPlatform } from '../platform/connect.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  options: [
    {
      flags: '--port <number>',
      description: 'where the platform listens (default: 7370, or the next free one)',
    },
    { flags: '--at-login', description: 'also start it whenever you log in (systemd or launchd)' },
  ],
  examples: [
    ['tow up', 'the platform in the background; apps that ran before run again'],
    ['tow up --at-login', 'and after every restart of this machine'],
  ],
  async run({ terminal, json, home, env, signal }, _args, options) {
    const port = typeof options.port === 'string' ? { port: wholeNumber(options.port, '--port') } : {}
    const { file, started } = await startPlatform({ home, env, signal, ...port })
    if (options.atLogin) await installAtLogin({ home, env, terminal })
    if (json) return void printJson(terminal, { url: file.url, pid: file.pid, started })
    terminal.say(
      started ? `The platform is up at ${file.url}` : `The platform was up already, at ${file.url}`,
    )
    return void terminal.say('tow ship makes what is in a folder live; tow down stops everything.')
  },
}
