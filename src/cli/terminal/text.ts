/** How things are written for people: columns, ages, sizes. */

const ANSI = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

function width(text: string): number {
  return text.replace(ANSI, '').length
}

/** Left-aligned columns, two spaces between, no trailing blanks. Rows may carry colours. */
export function columns(rows: readonly (readonly string[])[], indent = ''): string {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, width(cell))
    })
  }
  return rows
    .map((row) =>
      (
        indent + row.map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - width(cell))).join('  ')
      ).trimEnd(),
    )
    .join('\n')
}

/** `4 s`, `12 min`, `3 h`, `5 d`: the age of a time, as a glance needs it. */
export function age(at: string | null | undefined, now = new Date()): string {
  if (!at) return '-'
  const seconds = Math.max(0, Math.round((now.getTime() - Date.parse(at)) / 1000))
  if (seconds < 90) return `${seconds} s`
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`
  return `${Math.round(seconds / 86_400)} d`
}

export function bytes(count: number | null | undefined): string {
  if (count === null || count === undefined) return '-'
  if (count < 1024) return `${count} B`
  if (count < 1024 ** 2) return `${Math.round(count / 1024)} kB`
  if (count < 1024 ** 3) return `${(count / 1024 ** 2).toFixed(count < 10 * 1024 ** 2 ? 1 : 0)} MB`
  return `${(count / 1024 ** 3).toFixed(1)} GB`
}

export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  if (milliseconds < 90_000) return `${(milliseconds / 1000).toFixed(1)} s`
  return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds % 60_000) / 1000)} s`
}

export function shortCommit(commit: string | null | undefined): string {
  return commit ? commit.slice(0, 7) : '-'
}

/** One line of at most `limit` visible characters. */
export function clip(text: string, limit: number): string {
  const plain = text.replace(ANSI, '').replace(/[\r\n\t]+/g, ' ')
  return plain.length <= limit ? plain : `${plain.slice(0, Math.max(0, limit - 1))}…`
}

// Escape sequences but colours, and what moves the cursor: a line of a log must not write over another, or type.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const UNSAFE = /\x1b(?!\[[0-9;:]*m)|[\x80-\x9f]|\r/g
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const COLOUR = /\x1b/

/** Colours stay and end with their line. */
export function harmless(text: string): string {
  const safe = text.replace(UNSAFE, (found) => (found === '\x1b' ? '␛' : found === '\r' ? '␍' : '\uFFFD'))
  return COLOUR.test(safe) ? `${safe}\x1b[0m` : safe
}
