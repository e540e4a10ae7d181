import type { Command } from '../../command.ts'
import { printJson } from '../../terminal/terminal.ts'
import { age, columns, duration } from '../../terminal/text.ts'

export const command: Command = {
  options: [{ flags: '-e, --env <name>', description: 'only this environment' }],
  examples: [
    ['tow drains', 'where log lines are sent, how far behind, and what is wrong'],
    ['tow drains add https://otel.example.com -e prod', 'send those of prod to an OTLP receiver'],
  ],
  async run({ terminal, json, connect }, _args, options) {
    const client = await connect()
    const drains = await client.drains.list(
      typeof options.env === 'string' ? { environment: options.env } : {},
    )
    if (json) return void printJson(terminal, drains)
    if (drains.length === 0) return void terminal.say('No log lines are sent anywhere. tow drains add <url>')
    const head = ['DRAIN', 'ENV', 'TO', 'STATE', 'BEHIND', 'SENT', 'MISSING', 'REFUSED', 'LAST']
    const rows = drains.map((drain) => [
      ...[drain.id, drain.environment, drain.url],
      drain.state === 'failing' ? terminal.paint('red', drain.state) : drain.state,
      drain.behindSeconds > 0 ? duration(drain.behindSeconds * 1000) : '-',
      ...[drain.sent, drain.missing, drain.refused].map(String),
      age(drain.lastSentAt),
    ])
    terminal.print(columns([head, ...rows]))
    for (const { id, problem, failingSince } of drains) {
      if (problem) terminal.say(`${id} fails since ${failingSince}: ${problem}`)
    }
    return 0
  },
}
