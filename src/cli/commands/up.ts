import { resolve } from 'node:path'
import type { Command, Options } from '../command.ts'
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
    {
      flags: '--listen <address:port>',
      description: 'also beyond this machine, e.g. 0.0.0.0:8700; asks for TLS',
    },
    {
      flags: '--tls-cert <file>',
      description: 'the certificate, with its chain; read again when it is renewed',
    },
    { flags: '--tls-key <file>', description: 'its key, which others can’t read' },
    {
      flags: '--name <host>',
      description: 'a name to answer to beside those of the certificate',
      many: true,
    },
    { flags: '--insecure-plain-http', description: 'listen without TLS: passwords can be read on the way' },
    {
      flags: '--shared-builds',
      description: 'build what others ship, though builds run as the platform’s own user',
    },
    { flags: '--at-login', description: 'also start it whenever you log in (systemd or launchd)' },
  ],
  examples: [
    ['tow up', 'the platform in the background; apps that ran before run again'],
    ['tow up --at-login', 'and after every restart of this machine'],
    ['tow up --listen 0.0.0.0:8700 --tls-cert tls.pem --tls-key tls.key', 'also for others, who sign in'],
  ],
  async run({ terminal, json, home, env, signal }, _args, options) {
    const port = typeof options.port === 'string' ? { port: wholeNumber(options.port, '--port') } : {}
    const listening = listeningOf(options)
    const { file, started } = await startPlatform({ home, env, signal, ...port, listening })
    if (options.atLogin) await installAtLogin({ home, env, terminal, listening })
    const { url, publicUrl, pid } = file
    if (json) return void printJson(terminal, { url, publicUrl, pid, started })
    const where = publicUrl ? `${url}, and for others at ${publicUrl}` : url
    terminal.say(started ? `The platform is up at ${where}` : `The platform was up already, at ${where}`)
    if (!started && listening.length > 0)
      terminal.say('It listens where it was told to before: tow down --platform-only, then this again.')
    if (started && publicUrl) terminal.say('tow people invite <person> lets somebody sign in.')
    return void terminal.say('tow ship makes what is in a folder live; tow down stops everything.')
  },
}

/** As the platform reads them; it judges them too. Files are named as they are from here. */
function listeningOf(options: Options): string[] {
  const file = (name: string, value: unknown) =>
    typeof value === 'string' ? [`--${name}`, resolve(value)] : []
  return [
    ...(typeof options.listen === 'string' ? ['--listen', options.listen] : []),
    ...file('tls-cert', options.tlsCert),
    ...file('tls-key', options.tlsKey),
    ...((options.name ?? []) as string[]).flatMap((name) => ['--name', name]),
    ...(options.insecurePlainHttp === true ? ['--insecure-plain-http'] : []),
    ...(options.sharedBuilds === true ? ['--shared-builds'] : []),
  ]
}
