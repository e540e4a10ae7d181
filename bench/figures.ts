/** What every benchmark prints: a table of figures, smallest, median and largest of several runs. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!
}

export interface Figure {
  what: string
  unit: string
  values: readonly number[]
  /** What it is held against. */
  bar?: string
}

const shown = (value: number) => (value >= 100 ? value.toFixed(0) : value.toFixed(1))

export function printFigures(title: string, figures: readonly Figure[]): void {
  const rows = figures.map(({ what, unit, values, bar = '' }) => [
    what,
    shown(Math.min(...values)),
    shown(median(values)),
    shown(Math.max(...values)),
    unit,
    bar,
  ])
  const table = [['', 'min', 'median', 'max', '', 'bar'], ...rows]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  console.log(`\n${title}`)
  for (const row of table) {
    console.log(
      `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ')}`,
    )
  }
}
