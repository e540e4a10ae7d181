import type { Command } from '../command.ts'
import { printJson } from '../terminal/terminal.ts'
import { age, columns } from '../terminal/text.ts'

export const command: Command = {
  examples: [['tow status', 'the platform’s parts; exits with 1 when one is down or no platform runs']],
  async run({ terminal, json, connect }) {
    const status = await (await connect()).system.status()
    if (json) printJson(terminal, status)
    else {
      terminal.print(`towpath ${status.version}, up for ${age(status.startedAt)}, home ${status.home}`)
      terminal.print(
        columns(
          status.parts.map(({ name, ok, message, pid }) => [
            ok ? terminal.paint('green', '✓') : terminal.paint('red', '✗'),
            name,
            message,
            pid === null ? '' : `pid ${pid}`,
          ]),
          '  ',
        ),
      )
      terminal.print(
        `${status.apps} apps, ${status.activeRollouts} rollouts and ${status.activeBuilds} builds under way`,
      )
    }
    return status.parts.every(({ ok }) => ok) ? 0 : 1
  },
}
