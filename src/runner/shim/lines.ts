/**
 * From the bytes that an app writes to lines that are safe to keep and to print. Knows no file and no clock.
 * The shim imports this file, so it imports nothing.
 */

/** A line longer than this is cut, so that an app that never writes a newline cannot fill the memory. */
export const LINE_LIMIT = 65_536
const CUT_MARK = ' [line cut here by Towpath at 64 KiB]'

export interface LineCutter {
  /** Complete lines in the order they were written, without their newline. */
  push(chunk: Uint8Array): string[]
  /** Passes over what comes, without keeping any of it; a line that was begun, or ends later, goes as a whole. */
  skip(chunk: Uint8Array): void
  /** How many lines were passed over since this was last asked. */
  takeSkipped(): number
  /** What was left without a newline when the stream ended. */
  rest(): string[]
}

/** Cuts a stream of bytes into lines; partial lines wait for their end, endless ones are cut and marked. */
export function createLineCutter(limit = LINE_LIMIT): LineCutter {
  let kept: Buffer<ArrayBufferLike> = Buffer.alloc(0)
  let skipped = 0
  /** Inside a line whose beginning was passed over. */
  let skipping = false

  function push(chunk: Uint8Array): string[] {
    const lines: string[] = []
    let bytes: Buffer = kept.length === 0 ? Buffer.from(chunk) : Buffer.concat([kept, chunk])
    let start = 0
    if (skipping) {
      const newline = bytes.indexOf(10)
      if (newline === -1) return []
      start = newline + 1
      skipping = false
      skipped++
    }
    while (start < bytes.length) {
      const newline = bytes.indexOf(10, start)
      const end = newline === -1 ? bytes.length : newline
      if (end - start > limit) {
        const cut = characterBoundary(bytes, start + limit)
        lines.push(safeText(bytes.subarray(start, cut)) + CUT_MARK)
        start = cut
      } else if (newline === -1) break
      else {
        lines.push(safeText(bytes.subarray(start, bytes[end - 1] === 13 && end > start ? end - 1 : end)))
        start = newline + 1
      }
    }
    bytes = bytes.subarray(start)
    // A copy: a small rest must not keep a large chunk alive.
    kept = bytes.length === 0 ? Buffer.alloc(0) : Buffer.from(bytes)
    return lines
  }

  function skip(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) skipped++
    skipping = chunk[chunk.length - 1] !== 10
    kept = Buffer.alloc(0)
  }

  function takeSkipped(): number {
    const count = skipped
    skipped = 0
    return count
  }

  function rest(): string[] {
    const last = kept
    kept = Buffer.alloc(0)
    if (skipping) skipped++
    skipping = false
    return last.length === 0 ? [] : [safeText(last)]
  }

  return { push, skip, takeSkipped, rest }
}

/** Never inside a UTF-8 sequence, or a cut would turn one good character into two bad ones. */
function characterBoundary(bytes: Buffer, position: number): number {
  for (let back = 0; back < 4; back++) {
    if (((bytes[position - back] ?? 0) & 0xc0) !== 0x80) return position - back
  }
  return position
}

// Everything below space but tab, carriage return (progress bars) and escape (colours), and delete.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const UNSAFE = /[\x00-\x08\x0a-\x0c\x0e-\x1a\x1c-\x1f\x7f]/g

/** Invalid UTF-8 and control characters become U+FFFD; ANSI colours stay. */
export function safeText(bytes: Buffer): string {
  return bytes.toString('utf8').replace(UNSAFE, '\uFFFD')
}

/** Standard output, standard error, the platform's own words, and its words about lines that are missing. */
export type StreamLetter = 'o' | 'e' | 'p' | 'm'

/** What stands where lines are missing; `missingCount` reads the number back. */
export function missingText(count: number, why: string): string {
  return `${count} ${count === 1 ? 'line is' : 'lines are'} missing here: ${why}`
}

export function missingCount(text: string): number {
  return Number.parseInt(text, 10) || 1
}

/** One line as it stands in a segment file: `<ms> <sequence> <stream> <text>\n`. */
export function formatLine(at: number, sequence: number, stream: StreamLetter, text: string): string {
  return `${at} ${sequence} ${stream} ${text}\n`
}

export interface StoredLine {
  at: number
  sequence: number
  stream: StreamLetter
  text: string
}

/** Null for what no writer of ours wrote: half a line after a power cut, somebody's edit. */
export function parseLine(line: string): StoredLine | null {
  const match = /^(\d{1,15}) (\d{1,15}) ([oepm]) /.exec(line)
  if (!match) return null
  return {
    at: Number(match[1]),
    sequence: Number(match[2]),
    stream: match[3] as StreamLetter,
    text: line.slice(match[0].length),
  }
}
