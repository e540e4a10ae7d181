import { readFile } from 'node:fs/promises'
import { userInfo } from 'node:os'
import type { Command } from '../../command.ts'
import { readRemembered } from '../../platform/remembered.ts'
import { readAll } from '../../terminal/input.ts'

/** Git’s own protocol: attributes on stdin, attributes on stdout. It asks for the address of the remote alone. */
export const command: Command = {
  arguments: [{ name: '[operation]', description: 'get, store or erase, as Git says it' }],
  options: [{ flags: '--home <folder>', description: 'the platform’s home (default: yours)' }],
  examples: [['tow git credential get', 'what Git runs when it pushes to the remote tow']],
  async run({ terminal, home, configHome }, [operation], options) {
    // There is nothing to keep: the token stands in the platform's home.
    if (operation !== 'get') return 0
    const asked = Object.fromEntries(
      (await readAll(process.stdin)).split('\n').flatMap((line) => {
        const at = line.indexOf('=')
        return at > 0 ? [[line.slice(0, at), line.slice(at + 1)]] : []
      }),
    )
    const remembered = (await readRemembered(configHome)).platforms[`${asked.protocol}://${asked.host}`]
    if (remembered) {
      terminal.write(`username=${remembered.person}\npassword=${remembered.token}\n`)
      return 0
    }
    const { findPlatform } = await import('../../platform/connect.ts')
    const from = typeof options.home === 'string' ? options.home : home
    const platform = await findPlatform(from)
    // `quit` keeps Git from asking the person for a password that does not exist.
    if (!platform) return refuse(`no platform runs on ${from}`, 'tow up')
    const { host } = new URL(platform.url)
    const isOurs = asked.protocol === 'http' && asked.host?.replace(/^localhost:/, '127.0.0.1:') === host
    if (!isOurs)
      return refuse(`the platform answers at ${platform.url}, not at ${asked.host}`, 'tow git remote')
    const token = await readFile(platform.tokenFile, 'utf8').catch(() => null)
    if (token === null) return refuse(`the token in ${platform.tokenFile} can't be read by you`, 'tow whoami')
    terminal.write(`username=${userInfo().username}\npassword=${token.trim()}\n`)
    return 0

    function refuse(message: string, hint: string): number {
      terminal.say(`✗ ${message}\n  ${hint}`)
      terminal.write('quit=1\n')
      return 0
    }
  },
}
