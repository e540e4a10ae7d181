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
import { formatLine, parseLine, type StreamLetter } from './lines.ts'

export interface SegmentLimits {
  segmentBytes: number
  /** Of one folder; the oldest files go first. */
  totalBytes: number
}

export interface SegmentWriter {
  /** Stamps and appends; on a full disk the lines are counted as lost and the count is told once space is back. */
  append(stream: StreamLetter, lines: readonly string[]): void
  lost(): number
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
  let lost = 0
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

  function write(first: number, text: string): void {
    if (!file || file.size >= limits.segmentBytes) rotate(first)
    const current = file!
    const bytes = Buffer.from(text)
    let written = 0
    try {
      while (written < bytes.length) written += writeSync(current.descriptor, bytes, written)
    } catch (error) {
      // Half a line would be read as a whole one later.
      ftruncateSync(current.descriptor, current.size)
      throw error
    }
    current.size += bytes.length
    sizes[sizes.length - 1]!.size = current.size
  }

  /** A clock that is set back must not reorder lines. */
  const stamp = () => {
    at = Math.max(at, now())
    return at
  }

  function append(stream: StreamLetter, lines: readonly string[]): void {
    if (lines.length === 0) return
    const first = sequence
    try {
      let text = ''
      const time = stamp()
      if (lost > 0) {
        text = formatLine(
          time,
          sequence++,
          'p',
          `${lost} lines were lost here: the disk was full or not writable`,
        )
      }
      for (const line of lines) text += formatLine(time, sequence++, stream, line)
      write(first, text)
      lost = 0
    } catch {
      sequence = first
      lost += lines.length
    }
  }

  return {
    append,
    lost: () => lost,
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
