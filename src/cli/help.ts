/** `tow --help`, and the suggestion for a word that is no command. Loads nothing that only a command needs. */
import { TowError } from '../api/errors.ts'
import type { CommandEntry } from './commands/index.ts'
import { columns } from './terminal/text.ts'

export function overview(entries: readonly CommandEntry[]): string {
  const groups = [...new Set(entries.map(({ group }) => group))]
  const sections = groups.map((group) => {
    const rows = entries
      .filter((entry) => entry.group === group)
      .map(({ path, summary }) => [`tow ${path}`, summary])
    return { group, rows }
  })
  const width = Math.max(...entries.map(({ path }) => path.length + 4))
  const text = sections
    .map(
      ({ group, rows }) =>
        `${group}\n${columns(
          rows.map(([name, summary]) => [name!.padEnd(width), summary!]),
          '  ',
        )}`,
    )
    .join('\n\n')
  return `tow: from a folder to a live URL, and on to production\n\n${text}\n
tow <command> --help tells more. "a b" and "a:b" are the same. --json prints data for machines.`
}

/** A whole number from a word of the command line. */
export function wholeNumber(text: string, what: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new TowError('USAGE', `${what} must be a whole number, not "${text}"`)
  return Number(text)
}

/** `v12` or `12`. */
export function releaseNumber(text: string): number {
  return wholeNumber(text.replace(/^v/, ''), 'a release')
}
