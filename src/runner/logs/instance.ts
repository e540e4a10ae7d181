/**
 * Reads the log of one instance, a chunk at a time, from any place on and past its present end. It shares nothing with
 * the writer but the files; lines that were removed before they were read are counted and told.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { missingText, parseLine, type StoredLine } from '../shim/lines.ts'
import { segmentNames } from '../shim/segments.ts'

const CHUNK = 128 * 1024
/** A line has at most 64 KiB, which three times over is what it is with every byte replaced. */
const LARGEST_CHUNK = 1024 * 1024
const NOTHING = { text: '', bytes: 0, full: false }
const AGED_OUT = 'newer ones took their place before they were read'

export interface InstanceReader {
  /** The next lines in order; none where there are no more for now. */
  next(): Promise<StoredLine[]>
}

export type From =
  /** All that there is. */
  | { at: 'start' }
  /** After the line of that sequence, -1 for all that ever was; what is missing after it is told. */
  | { at: 'sequence'; sequence: number }
  /** Nothing that was written before that time is left out; more may come. */
  | { at: 'time'; milliseconds: number }
  /** What is written from now on. */
  | { at: 'end' }

export async function openInstance(folder: string, from: From): Promise<InstanceReader> {
  let segment = await firstSegment(folder, from)
  let offset = 0
  let size = CHUNK
  /** Of the next line; null before the first. */
  let expected = from.at === 'sequence' ? from.sequence + 1 : null
  const reader = { next }
  if (from.at === 'end') while ((await next()).length > 0);
  return reader

  async function next(): Promise<StoredLine[]> {
    for (;;) {
      // The list first: whatever is in an older file was complete before a newer one was there.
      const names = segmentNames(folder)
      const { text, bytes, full } =
        segment === '' ? NOTHING : await readLines(`${folder}/${segment}`, offset, size)
      offset += bytes
      if (bytes > 0) {
        size = CHUNK
        const lines = inOrder(text)
        if (lines.length > 0) return lines
      } else if (full && size < LARGEST_CHUNK) size *= 2
      else {
        const newer = names.find((name) => name > segment)
        if (newer === undefined) return []
        segment = newer
        offset = 0
        size = CHUNK
      }
    }
  }

  function inOrder(text: string): StoredLine[] {
    return text.split('\n').flatMap((row) => {
      const line = parseLine(row)
      if (!line || (expected !== null && line.sequence < expected)) return []
      const missing = expected === null ? 0 : line.sequence - expected
      expected = line.sequence + 1
      if (missing === 0) return [line]
      const told = { ...line, sequence: line.sequence - 1, stream: 'm' as const }
      return [{ ...told, text: missingText(missing, AGED_OUT) }, line]
    })
  }
}

/** The newest segment that can hold the first line that is wanted. */
async function firstSegment(folder: string, from: From): Promise<string> {
  const names = segmentNames(folder)
  if (from.at === 'end') return names.at(-1) ?? ''
  if (from.at === 'start') return names[0] ?? ''
  for (const name of names.reverse()) {
    if (from.at === 'sequence' && sequenceOfSegment(name) <= from.sequence + 1) return name
    if (from.at === 'time' && (await firstTime(`${folder}/${name}`)) < from.milliseconds) return name
  }
  return names.at(-1) ?? ''
}

/** Segments are named by the sequence of their first line. */
function sequenceOfSegment(name: string): number {
  return Number.parseInt(name, 10)
}

/** When the first line was written; for ever in the future where there is none. */
async function firstTime(path: string): Promise<number> {
  const head = await withFile(path, async (file) => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(64), 0, 64, 0)
    return buffer.toString('latin1', 0, bytesRead)
  })
  return parseLine(head?.split('\n')[0] ?? '')?.at ?? Number.POSITIVE_INFINITY
}

/** Whole lines alone. `full`: there is more than was read. */
async function readLines(
  path: string,
  offset: number,
  size: number,
): Promise<{ text: string; bytes: number; full: boolean }> {
  const read = await withFile(path, async (file) => {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(size), 0, size, offset)
    const bytes = buffer.subarray(0, bytesRead).lastIndexOf(10) + 1
    return { text: buffer.toString('utf8', 0, bytes), bytes, full: bytesRead === size }
  })
  return read ?? NOTHING
}

/** Null where the file is not there, or no more. */
async function withFile<Value>(
  path: string,
  work: (file: FileHandle) => Promise<Value>,
): Promise<Value | null> {
  const file = await open(path).catch(() => null)
  if (!file) return null
  try {
    return await work(file)
  } finally {
    await file.close()
  }
}
