import type { Event } from '../../api/events.ts'
import type { Command } from '../command.ts'
import { wholeNumber } from '../help.ts'
import type { Terminal } from '../terminal/terminal.ts'

export const command: Command = {
  options: [
    { flags: '-a, --app <name>', description: 'only this app' },
    { flags: '-e, --env <name>', description: 'only this environment' },
    { flags: '--by <name>', description: 'only what this person did' },
    { flags: '--kind <kind>', description: 'only this kind, e.g. rollout.failed' },
    { flags: '-f, --follow', description: 'go on as things happen' },
    { flags: '-n, --lines <count>', description: 'the newest events', default: '50' },
  ],
  examples: [
    ['tow events -f', 'the timeline as it grows'],
    ['tow events -a missions -e prod', 'what happened to one app in prod'],
  ],
  async run({ terminal, json, connect, signal }, _args, options) {
    const client = await connect()
    const filter = {
      ...(typeof options.app === 'string' ? { app: options.app } : {}),
      ...(typeof options.env === 'string' ? { environment: options.env } : {}),
      ...(typeof options.by === 'string' ? { by: options.by } : {}),
      ...(typeof options.kind === 'string' ? { kind: options.kind } : {}),
    }
    const show = (event: Event) => terminal.print(json ? JSON.stringify(event) : shown(terminal, event))
    const limit = wholeNumber(String(options.lines), '--lines')
    const past = limit === 0 ? [] : (await client.events.list({ ...filter, limit })).reverse()
    past.forEach(show)
    if (!options.follow) return 0
    try {
      // From the last event shown; with none to show, from now on.
      const last = past.at(-1)
      const from = last ? { after: last.position } : limit > 0 ? { after: 0 } : {}
      for await (const event of await client.events.follow({ ...filter, ...from }, { signal })) show(event)
    } catch (error) {
      if (!signal.aborted) throw error
    }
    return 0
  },
}

function shown(terminal: Terminal, event: Event): string {
  const failed = /\.(failed|lost|crashed)$/.test(event.kind)
  const kind = terminal.paint(failed ? 'red' : 'cyan', event.kind.padEnd(20))
  return `${terminal.paint('dim', event.at.slice(0, 19))} ${kind} ${event.message} ${terminal.paint('dim', `(${event.by})`)}`
}
