import type { Command } from '../../command.ts'
import { printDomains, printFindings } from '../../domains.ts'
import { printJson } from '../../terminal/terminal.ts'

export const command: Command = {
  options: [
    { flags: '-a, --app <name>', description: 'only this app' },
    { flags: '-e, --env <name>', description: 'only this environment' },
  ],
  examples: [
    ['tow domains', 'each name, its certificate, whether DNS and the environment agree, and what to do'],
    ['tow domains add shop.example.com -a shop -e prod', 'shop answers to this name too'],
  ],
  async run({ terminal, json, connect }, _args, options) {
    const client = await connect()
    const domains = await client.domains.list({
      ...(typeof options.app === 'string' ? { app: options.app } : {}),
      ...(typeof options.env === 'string' ? { environment: options.env } : {}),
    })
    if (json) return void printJson(terminal, domains)
    if (domains.length === 0)
      return void terminal.say('No app answers to a name of your own. tow domains add <name>')
    printDomains(terminal, domains)
    for (const domain of domains) printFindings(terminal, domain)
    return 0
  },
}
