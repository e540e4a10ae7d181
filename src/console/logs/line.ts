/** What a line of a log says: its level, its fields where it is JSON, its colours. Pure. */

export type Level = 'error' | 'warn' | 'info' | 'debug'
export const LEVELS: readonly Level[] = ['error', 'warn', 'info', 'debug']

export interface Read {
  level: Level | null
  /** Where the line is a JSON object. */
  fields: Record<string, unknown> | null
}

const WORD =
  /\b(?:(FATAL|ERROR|ERR|CRITICAL|PANIC|Traceback|\w*(?:Error|Exception)(?=:))|(WARN(?:ING)?)|(INFO|NOTICE)|(DEBUG|TRACE))\b/i
const GROUPS: readonly Level[] = LEVELS
/** Of pino and bunyan. */
const NUMBERS: [number, Level][] = [
  [50, 'error'],
  [40, 'warn'],
  [30, 'info'],
  [0, 'debug'],
]
/** A word further on is about something else. */
const LOOKED_AT = 120

export function readLine(text: string): Read {
  const fields = text.startsWith('{') ? parse(text) : null
  return { fields, level: fields ? levelOfFields(fields) : levelOfText(text) }
}

function parse(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null
  } catch {
    return null
  }
}

function levelOfText(text: string): Level | null {
  const found = WORD.exec(text.slice(0, LOOKED_AT))
  return found ? (GROUPS[found.slice(1).findIndex((group) => group !== undefined)] ?? null) : null
}

function levelOfFields({ level, severity }: Record<string, unknown>): Level | null {
  const said = level ?? severity
  if (typeof said === 'number') return NUMBERS.find(([least]) => said >= least)?.[1] ?? null
  return typeof said === 'string' ? levelOfText(said) : null
}

export interface Piece {
  text: string
  colour: number | null
  isBold: boolean
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: this is what colours begin with
const ESCAPE = /\u001b\[([\d;]*)([A-Za-z])|\u001b[^[]/g

/** Pieces of one look. Whatever else a terminal would do is left out. */
export function coloured(text: string): Piece[] {
  if (!text.includes('\u001b')) return [{ text, colour: null, isBold: false }]
  const pieces: Piece[] = []
  let look: Omit<Piece, 'text'> = { colour: null, isBold: false }
  let from = 0
  for (const found of text.matchAll(ESCAPE)) {
    if (found.index > from) pieces.push({ text: text.slice(from, found.index), ...look })
    from = found.index + found[0].length
    if (found[2] !== 'm') continue
    look = turnedBy(look, (found[1] || '0').split(';').map(Number))
  }
  if (from < text.length) pieces.push({ text: text.slice(from), ...look })
  return pieces
}

/** Of the 256 colours of newer terminals the first 16 are the same ones; any other, and backgrounds, are left out. */
function turnedBy(look: Omit<Piece, 'text'>, codes: readonly number[]): Omit<Piece, 'text'> {
  let next = look
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at]!
    if (code !== 38 && code !== 48) next = turned(next, code)
    else {
      const few = codes[at + 2]!
      if (code === 38 && codes[at + 1] === 5 && few < 16) next = { ...next, colour: few % 8 }
      at += codes[at + 1] === 2 ? 4 : 2
    }
  }
  return next
}

function turned(look: Omit<Piece, 'text'>, code: number): Omit<Piece, 'text'> {
  if (code === 0) return { colour: null, isBold: false }
  if (code === 1) return { ...look, isBold: true }
  if (code === 22) return { ...look, isBold: false }
  if (code === 39) return { ...look, colour: null }
  if (code >= 30 && code <= 37) return { ...look, colour: code - 30 }
  if (code >= 90 && code <= 97) return { ...look, colour: code - 90 }
  return look
}

export const plainOf = (text: string): string => text.replace(ESCAPE, '')

type Range = [from: number, to: number]

export interface Search {
  matches: (text: string) => boolean
  /** Where, from left to right, as far as anybody looks. */
  rangesIn: (text: string) => Range[]
}

const MOST_RANGES = 40

/** `/expression/` or text; null where an expression can’t be read. */
export function readSearch(search: string): Search | null {
  if (search === '') return { matches: () => true, rangesIn: () => [] }
  const [, expression, flags = ''] = /^\/(.+)\/(i?)$/.exec(search) ?? []
  if (expression === undefined) return searchText(search.toLowerCase())
  try {
    return searchExpression(new RegExp(expression, flags), new RegExp(expression, `g${flags}`))
  } catch {
    return null
  }
}

function searchText(wanted: string): Search {
  return {
    matches: (text) => text.toLowerCase().includes(wanted),
    rangesIn(text) {
      const lower = text.toLowerCase()
      const ranges: Range[] = []
      for (let at = lower.indexOf(wanted); at >= 0 && ranges.length < MOST_RANGES; ) {
        ranges.push([at, at + wanted.length])
        at = lower.indexOf(wanted, at + wanted.length)
      }
      return ranges
    },
  }
}

function searchExpression(once: RegExp, all: RegExp): Search {
  return {
    matches: (text) => once.test(text),
    rangesIn: (text) =>
      [...text.matchAll(all)]
        .filter(([found]) => found !== '')
        .slice(0, MOST_RANGES)
        .map(({ 0: found, index }): Range => [index, index + found.length]),
  }
}

/** The text in turns: beside a range, in a range. */
export function splitBy(text: string, ranges: readonly Range[]): { text: string; isFound: boolean }[] {
  const parts: { text: string; isFound: boolean }[] = []
  let from = 0
  for (const [start, end] of ranges) {
    if (start > from) parts.push({ text: text.slice(from, start), isFound: false })
    parts.push({ text: text.slice(start, end), isFound: true })
    from = end
  }
  if (from < text.length) parts.push({ text: text.slice(from), isFound: false })
  return parts
}
