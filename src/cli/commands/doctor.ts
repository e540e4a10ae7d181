import { printChecks } from '../checks.ts'
import type { Command } from '../command.ts'
import { localChecks } from '../platform/checks.ts'
import { findPlatform } from '../platform/connect.ts'
import { printJson } from '../terminal/terminal.ts'

export const command: Command = {
  examples: [['tow doctor', 'exits with 1 when a check fails']],
  async run({ terminal, json, connect, home, env }) {
    const checks = await localChecks({ home, env })
    if (await findPlatform(home)) checks.push(...(await (await connect()).system.doctor()))
    else checks.push({ name: 'platform', ok: false, message: `no platform runs on ${home}`, mend: 'tow up' })
    if (json) printJson(terminal, checks)
    else printChecks(terminal, checks)
    return checks.every(({ ok }) => ok) ? 0 : 1
  },
}
