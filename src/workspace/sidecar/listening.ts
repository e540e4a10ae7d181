/** Whether anything listens on a port of this machine's own network, told without asking it. */
import { readFileSync } from 'node:fs'

const TABLES = ['/proc/net/tcp', '/proc/net/tcp6']
/** The state of a socket that listens, as the kernel writes it. */
const LISTENS = '0A'

export function isListening(port: number): boolean {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return TABLES.some((table) => linesOf(table).some((line) => isListener(line, wanted)))
}

function isListener(line: string, port: string): boolean {
  const [, local, , state] = line.trim().split(/\s+/)
  return state === LISTENS && local!.endsWith(port)
}

/** A system without the newer protocol has no table for it. */
function linesOf(table: string): string[] {
  try {
    return readFileSync(table, 'latin1').split('\n')
  } catch {
    return []
  }
}
