import { APP_OPTION, type Command } from '../command.ts'
import { chooseApp } from '../places.ts'
import { printJson } from '../terminal/terminal.ts'
import { age } from '../terminal/text.ts'

export const command: Command = {
  arguments: [{ name: '[app]', description: 'default: the app shipped from this folder' }],
  options: [APP_OPTION, { flags: '-e, --env <name>', description: 'only this environment' }],
  examples: [['tow why missions', 'one answer for each environment, and the facts that lead to it']],
  async run({ terminal, json, connect, home, cwd }, [name], options) {
    const client = await connect()
    const app = await chooseApp(home, cwd, name ?? options.app)
    const answers = await client.events.why({
      app,
      ...(typeof options.env === 'string' ? { environment: options.env } : {}),
    })
    if (json) return void printJson(terminal, answers)
    for (const { environment, answer, facts, next } of answers) {
      terminal.print(`${terminal.paint('bold', environment)}  ${answer}`)
      for (const { at, text, lines } of facts) {
        terminal.print(`  ${(at ? `${age(at)} ago` : '').padEnd(12)}${text}`)
        for (const line of lines) terminal.print(terminal.paint('dim', `              ${line}`))
      }
      if (next.length > 0) terminal.print(`  ${terminal.paint('dim', 'next:')} ${next.join('   ')}`)
    }
    return undefined
  },
}
