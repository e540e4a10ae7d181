import type { ReleaseDifference } from '../api/releases.ts'
import type { Terminal } from './terminal/terminal.ts'

/** Rows of `kind name  before → after`, for `columns`. */
export function differenceRows(terminal: Terminal, differences: readonly ReleaseDifference[]): string[][] {
  return differences.map(({ kind, name, before, after }) => [
    kind,
    name,
    before === null ? terminal.paint('dim', 'none') : terminal.paint('red', before),
    '→',
    after === null ? terminal.paint('dim', 'none') : terminal.paint('green', after),
  ])
}
