/** A checklist as people read it: what is well, and for what is not the mend. */
import type { CheckResult } from '../api/environments.ts'
import type { Terminal } from './terminal/terminal.ts'

export function printChecks(terminal: Terminal, checks: readonly CheckResult[]): void {
  for (const { name, ok, message, mend } of checks) {
    terminal.print(
      `${ok ? terminal.paint('green', '✓') : terminal.paint('red', '✗')} ${terminal.paint('bold', name)}  ${message}`,
    )
    if (!ok && mend) terminal.print(`    ${terminal.paint('cyan', mend)}`)
  }
}
