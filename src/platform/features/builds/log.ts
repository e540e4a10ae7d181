/**
 * What builds write: one bounded file each. The file is the truth; whoever follows reads on in it whenever it is told
 * that it grew, so nobody misses a byte or reads one twice, however late they come.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createRedactor } from './redact.ts'

export interface BuildOutput {
  write(text: string): void
  /** The newest lines, oldest first, whether or not the file was full by then. */
  lastLines(): string[]
  close(): void
}

export interface BuildLogs {
  /** Appends to the build's file, from its beginning. */
  open(id: string, secrets: Readonly<Record<string, string>>): BuildOutput
  /** All that is kept. `truncated` where there was more. */
  read(id: string): Promise<{ text: string; truncated: boolean }>
  /** What is there from a byte offset on, at most a piece of it; empty text at the end. */
  readFrom(id: string, offset: number): Promise<{ text: string; offset: number }>
  /** Calls back whenever the log grew or was closed. */
  onGrowth(id: string, callback: () => void): () => void
  remove(id: string): Promise<void>
}

const MOST_BYTES = 4 * 1024 ** 2
const MOST_LAST_LINES = 40
const MOST_LINE_LENGTH = 2000
const TRUNCATED = '\n[the log is full: what follows was not kept]\n'
const PIECE = 64 * 1024

export function createBuildLogs(folder: string, mostBytes = MOST_BYTES): BuildLogs {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = (id: string) => join(folder, `${id}.log`)
  const waiting = new Map<string, Set<() => void>>()
  const changed = (id: string) => {
    for (const wake of waiting.get(id) ?? []) wake()
  }
  const onGrowth = (id: string, callback: () => void) => {
    const callbacks = waiting.get(id) ?? new Set()
    waiting.set(id, callbacks.add(callback))
    return () => {
      callbacks.delete(callback)
      if (callbacks.size === 0) waiting.delete(id)
    }
  }

  return {
    open(id, secrets) {
      const descriptor = openSync(file(id), 'w', 0o600)
      const redactor = createRedactor(secrets)
      const lines = createTail()
      let written = 0
      const append = (text: string) => {
        if (text === '') return
        lines.push(text)
        if (written > mostBytes) return
        const bytes = Buffer.from(written + Buffer.byteLength(text) > mostBytes ? TRUNCATED : text)
        written += bytes.toString() === TRUNCATED ? mostBytes + 1 : bytes.length
        try {
          writeSync(descriptor, bytes)
        } catch {
          // A full disk must not end the platform; the last lines are still told.
          written = mostBytes + 1
        }
        changed(id)
      }
      return {
        write: (text) => append(redactor.push(text)),
        lastLines: lines.read,
        close() {
          append(redactor.flush())
          closeSync(descriptor)
          changed(id)
        },
      }
    },
    async read(id) {
      const text = await readFrom(file(id), 0, Number.POSITIVE_INFINITY)
      return { text, truncated: text.endsWith(TRUNCATED) }
    },
    async readFrom(id, offset) {
      const text = await readFrom(file(id), offset, PIECE)
      return { text, offset: offset + Buffer.byteLength(text) }
    },
    onGrowth,
    async remove(id) {
      await rm(file(id), { force: true })
    },
  }
}

/** At most `most` bytes of text from `offset` on, never the half of a character; empty where there is no file. */
async function readFrom(path: string, offset: number, most: number): Promise<string> {
  let handle: Awaited<ReturnType<typeof open>>
  try {
    handle = await open(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
  try {
    const size = Math.max(0, Math.min((await handle.stat()).size - offset, most))
    const buffer = Buffer.alloc(size)
    const { bytesRead } = await handle.read(buffer, 0, size, offset)
    return buffer.subarray(0, wholeCharacters(buffer, bytesRead)).toString('utf8')
  } finally {
    await handle.close()
  }
}

/** Where the last whole UTF-8 character ends. */
function wholeCharacters(buffer: Buffer, length: number): number {
  let start = length - 1
  while (start >= 0 && length - start < 4 && (buffer[start]! & 0xc0) === 0x80) start -= 1
  if (start < 0) return length
  const first = buffer[start]!
  const needed = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1
  return length - start < needed ? start : length
}

/** The newest lines of a text that comes in pieces. */
function createTail() {
  let lines: string[] = []
  let open = ''
  return {
    push(text: string) {
      const parts = (open + text.slice(-PIECE)).split(/\r?\n/)
      open = parts.pop()!.slice(0, MOST_LINE_LENGTH)
      lines = [...lines, ...parts.map((line) => line.slice(0, MOST_LINE_LENGTH))].slice(-MOST_LAST_LINES)
    },
    read: () => (open === '' ? lines : [...lines, open]).filter((line) => line.trim() !== ''),
  }
}
