/**
 * Append-only log files of bounded size. A line is never split over two files and every file is named by the sequence
 * number of its first line, so a reader that follows loses and doubles nothing when files rotate.
 * The shim imports this file, so it imports node:fs alone.
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { formatLine, missingText, parseLine, type StreamLetter } from './lines.ts'

const DISK_FULL = 'the disk was full or not writable'

export interface SegmentLimits {
  segmentBytes: number
  /** Of one folder; the oldest files go first. */
  totalBytes: number
}

export interface SegmentWriter {
  /** Stamps and appends; on a full disk the lines are counted as missing. */
  append(stream: StreamLetter, lines: readonly string[]): void
  /** Counts lines that are not kept; said before the next line that is, or by `tellMissing`. */
  miss(count: number, why: string): void
  tellMissing(): void
  /** How many are missing and not told yet. */
  missing(): number
  close(): void
}

/** Opens a folder for appending and goes on after what is there. `now` in milliseconds. */
export function openSegments(
  folder: string,
  limits: SegmentLimits,
  now: () => number = Date.now,
): SegmentWriter {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  let sequence = 0
  let at = 0
  /** By reason. */
  const missed = new Map<string, number>()
  let file: { descriptor: number; size: number } | null = null
  const sizes: { name: string; size: number }[] = []
  resume()

  function resume(): void {
    for (const name of segmentNames(folder)) {
      const content = readFileSync(`${folder}/${name}`)
      const whole = content.lastIndexOf(10) + 1
      if (whole < content.length) {
        const torn = openSync(`${folder}/${name}`, 'r+')
        ftruncateSync(torn, whole)
        closeSync(torn)
      }
      sizes.push({ name, size: whole })
      const last = parseLine(content.toString('utf8', 0, whole).trimEnd().split('\n').pop() ?? '')
      if (last) {
        sequence = last.sequence + 1
        at = last.at
      }
    }
  }

  function rotate(first: number): void {
    if (file) closeSync(file.descriptor)
    file = null
    const name = `${String(first).padStart(15, '0')}.log`
    const descriptor = openSync(`${folder}/${name}`, 'a', 0o600)
    file = { descriptor, size: fstatSync(descriptor).size }
    sizes.push({ name, size: 0 })
    let total = sizes.reduce((sum, one) => sum + one.size, 0)
    while (sizes.length > 1 && total + limits.segmentBytes > limits.totalBytes) {
      const oldest = sizes.shift()!
      total -= oldest.size
      rmSync(`${folder}/${oldest.name}`, { force: true })
    }
  }

  /** Throws what kept it from writing all; whole lines that were written stay. */
  function write(rows: readonly string[]): void {
    if (!file || file.size >= limits.segmentBytes) rotate(sequence)
    const current = file!
    const bytes = Buffer.from(rows.join(''))
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(current.descriptor, bytes, written)
    } catch (error) {
      // Half a line would be read as a whole one later; whole ones may have been read already.
      const whole = bytes.subarray(0, written).lastIndexOf(10) + 1
      advance(current, whole, bytes.subarray(0, whole).toString().split('\n').length - 1)
      ftruncateSync(current.descriptor, current.size)
      throw error
    }
    advance(current, bytes.length, rows.length)
  }

  function advance(current: { size: number }, bytes: number, lines: number): void {
    current.size += bytes
    sizes[sizes.length - 1]!.size = current.size
    sequence += lines
  }

  /** A clock that is set back must not reorder lines. */
  const stamp = () => {
    at = Math.max(at, now())
    return at
  }

  function miss(count: number, why: string): void {
    if (count > 0) missed.set(why, (missed.get(why) ?? 0) + count)
  }

  function append(stream: StreamLetter, lines: readonly string[]): void {
    const told = [...missed]
    if (lines.length === 0 && told.length === 0) return
    const first = sequence
    try {
      const time = stamp()
      const rows = told.map(([why, count], index) =>
        formatLine(time, first + index, 'm', missingText(count, why)),
      )
      for (const line of lines) rows.push(formatLine(time, first + rows.length, stream, line))
      write(rows)
      missed.clear()
    } catch {
      const written = sequence - first
      for (const [why] of told.slice(0, written)) missed.delete(why)
      miss(lines.length - Math.max(0, written - told.length), DISK_FULL)
    }
  }

  return {
    append,
    miss,
    tellMissing: () => append('p', []),
    missing: () => [...missed.values()].reduce((sum, count) => sum + count, 0),
    close() {
      if (file) closeSync(file.descriptor)
      file = null
    },
  }
}

/** Oldest first. */
export function segmentNames(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d{15}\.log$/.test(name))
      .sort()
  } catch {
    return []
  }
}
