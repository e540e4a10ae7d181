/**
 * The file of a backup: parts, each of them named files one after the other, then a list of what there was, all of it
 * compressed and sealed. It is written and read as a stream and knows nothing of what the files hold.
 */
import { createHash, type Hash } from 'node:crypto'
import { Readable, type Transform } from 'node:stream'
import { createZstdCompress, createZstdDecompress } from 'node:zlib'
import * as z from 'zod'
import { type ByteReader, createByteReader } from '../trees/byte-reader.ts'
import { refusals } from './messages.ts'
import { type Made, openStream, sealStream } from './seal.ts'

const PartSummary = z.object({
  name: z.string(),
  files: z.int(),
  /** Before compression. */
  bytes: z.int(),
  /** Over names, lengths and digests of its files. */
  sha256: z.string(),
  /** What the part says of itself. */
  about: z.record(z.string(), z.unknown()),
})

export const Manifest = z.object({
  madeBy: z.string(),
  madeAt: z.string(),
  parts: z.array(PartSummary),
})
export type Manifest = z.infer<typeof Manifest>

export interface SourcePart {
  name: string
  files(): AsyncIterable<SourceFile>
  /** Asked once all files were read. */
  about(): Record<string, unknown>
}

export interface SourceFile {
  name: string
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>
}

const Entry = z.union([z.object({ part: z.string(), file: z.string() }), z.object({ manifest: Manifest })])

const LONGEST_LINE = 16 * 1024 * 1024
const WRITTEN_AT_ONCE = 64 * 1024

export function writeBackup(
  parts: AsyncIterable<SourcePart>,
  passphrase: string,
  made: Made,
  cost?: number,
): AsyncGenerator<Buffer> {
  return sealStream(through(createZstdCompress(), gathered(framesOf(parts, made))), passphrase, made, cost)
}

async function* framesOf(parts: AsyncIterable<SourcePart>, made: Made): AsyncGenerator<Uint8Array> {
  const manifest: Manifest = { ...made, parts: [] }
  for await (const part of parts) {
    const sum = sumOf(part.name)
    for await (const { name, content } of part.files()) {
      yield Buffer.from(`${JSON.stringify({ part: part.name, file: name })}\n`)
      const file = sum.begin(name)
      for await (const chunk of content) {
        if (chunk.length === 0) continue
        file.add(chunk)
        yield lengthOf(chunk.length)
        yield chunk
      }
      file.end()
      yield lengthOf(0)
    }
    manifest.parts.push({ ...sum.result(), about: part.about() })
  }
  yield Buffer.from(`${JSON.stringify({ manifest })}\n`)
}

export interface ReadOptions {
  /** What the sentences call it. */
  name: string
  /** Of whoever reads. */
  version: string
  passphrase: string
  /** Called for each file, in their order; it reads all of the content or none. */
  take?: (part: string, file: string, content: AsyncIterable<Uint8Array>) => Promise<void>
}

/** Reads all of it. Throws where anything is not as it was written, or is not all there. */
export async function readBackup(sealed: AsyncIterable<Uint8Array>, options: ReadOptions): Promise<Manifest> {
  const { name, passphrase, take = async () => {} } = options
  const plain = through(createZstdDecompress(), openStream(sealed, passphrase, options))
  const reader = createByteReader(plain)
  const sums = new Map<string, ReturnType<typeof sumOf>>()
  try {
    for (;;) {
      const entry = Entry.safeParse(parseJson(await reader.line(LONGEST_LINE)))
      if (!entry.success) throw refusals.noBackup(name)
      if ('manifest' in entry.data) {
        // Reading to the end also opens the last piece: what is cut off is noticed here at the latest.
        if (!(await reader.isAtEnd())) throw refusals.noBackup(name)
        compare(entry.data.manifest, sums, name)
        return entry.data.manifest
      }
      const { part, file } = entry.data
      const sum = sums.get(part) ?? sumOf(part)
      sums.set(part, sum)
      const content = contentOf(reader, sum.begin(file), name)
      await take(part, file, content)
      for await (const _ of content);
    }
  } finally {
    await reader.close()
  }
}

async function* contentOf(
  reader: ByteReader,
  sum: ReturnType<ReturnType<typeof sumOf>['begin']>,
  name: string,
): AsyncGenerator<Uint8Array> {
  for (;;) {
    const length = (await reader.exactly(4))?.readUInt32BE()
    if (length === undefined) throw refusals.noBackup(name)
    if (length === 0) return sum.end()
    for await (const chunk of reader.stream(length, () => refusals.noBackup(name))) {
      sum.add(chunk)
      yield chunk
    }
  }
}

function compare(manifest: Manifest, sums: Map<string, ReturnType<typeof sumOf>>, name: string): void {
  for (const { about: _, ...listed } of manifest.parts) {
    const found = sums.get(listed.name) ?? sumOf(listed.name)
    if (JSON.stringify(found.result()) !== JSON.stringify(listed)) throw refusals.unlike(name, listed.name)
    sums.delete(listed.name)
  }
  for (const part of sums.keys()) throw refusals.unlike(name, part)
}

/** What the list says of a part, worked out while its files pass by. */
function sumOf(name: string) {
  const whole = createHash('sha256')
  let files = 0
  let bytes = 0
  return {
    begin(file: string) {
      const hash: Hash = createHash('sha256')
      let length = 0
      return {
        add(chunk: Uint8Array) {
          hash.update(chunk)
          length += chunk.length
        },
        end() {
          whole.update(`${JSON.stringify([file, length, hash.digest('hex')])}\n`)
          files += 1
          bytes += length
        },
      }
    },
    result: () => ({ name, files, bytes, sha256: whole.copy().digest('hex') }),
  }
}

function lengthOf(length: number): Buffer {
  const header = Buffer.alloc(4)
  header.writeUInt32BE(length)
  return header
}

function parseJson(line: string | null): unknown {
  try {
    return JSON.parse(line ?? '')
  } catch {
    return null
  }
}

/** Small frames in larger pieces: every write to a compressor is a trip through the thread pool. */
async function* gathered(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = []
  let length = 0
  for await (const chunk of source) {
    waiting.push(chunk)
    length += chunk.length
    if (length < WRITTEN_AT_ONCE) continue
    yield Buffer.concat(waiting)
    waiting = []
    length = 0
  }
  yield Buffer.concat(waiting)
}

/** What comes out of a transform; a failure on either side ends both. */
async function* through(transform: Transform, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const input = Readable.from(source, { objectMode: true, highWaterMark: 4 })
  input.once('error', (error) => transform.destroy(error))
  input.pipe(transform)
  try {
    for await (const chunk of transform) yield chunk
  } finally {
    input.destroy()
    transform.destroy()
  }
}
