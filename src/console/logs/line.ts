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
    for (const code of (found[1] || '0').split(';').map(Number)) look = turned(look, code)
  }
  if (from < text.length) pieces.push({ text: text.slice(from), ...look })
  return pieces
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

/** `/expression/` or text; null where an expression can’t be read. */
export function matcher(search: string): ((text: string) => boolean) | null {
  if (search === '') return () => true
  const [, expression, flags = ''] = /^\/(.+)\/(i?)$/.exec(search) ?? []
  if (expression !== undefined) {
    try {
      const compiled = new RegExp(expression, flags)
      return (text) => compiled.test(text)
    } catch {
      return null
    }
  }
  const wanted = search.toLowerCase()
  return (text) => text.toLowerCase().includes(wanted)
}
