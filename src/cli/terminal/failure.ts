/** How every failure looks: one sentence, what it wrote last, and the command that mends it. */
import { ERROR_CODES, TowError } from '../../api/errors.ts'
import { printJson, type Terminal } from './terminal.ts'

export interface Failure {
  message: string
  hint?: string | undefined
  lastLines?: readonly string[]
}

export function sayFailure(terminal: Terminal, { message, hint, lastLines = [] }: Failure): void {
  terminal.say(`${terminal.tint('red', '✗')} ${message}`)
  for (const line of lastLines) terminal.say(terminal.tint('dim', `    ${line}`))
  if (hint) terminal.say(`  ${terminal.tint('cyan', hint)}`)
}

/** Says what went wrong and answers with the exit code. */
export function reportError(terminal: Terminal, error: unknown, json: boolean): number {
  const known = error instanceof TowError ? error : null
  const message = known?.message ?? (error instanceof Error ? error.message : String(error))
  if (json) printJson(terminal, { error: { code: known?.code ?? 'INTERNAL', message, hint: known?.hint } })
  sayFailure(terminal, { message, hint: known?.hint })
  return known ? ERROR_CODES[known.code].exit : 1
}
