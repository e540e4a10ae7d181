/**
 * Blobs on the wire: frames of digest, length and bytes in one zstd stream. A cut-off transfer keeps every file that
 * arrived whole, so whoever sends asks again what is missing and goes on from there; batching is up to them.
 */
import { once } from 'node:events'
import { Readable, type Writable } from 'node:stream'
import { constants, createZstdCompress, createZstdDecompress } from 'node:zlib'
import { TowError } from '../api/errors.ts'
import type { BlobStore } from './blob-store.ts'
import { createBulk } from './bulk.ts'
import { createByteReader } from './byte-reader.ts'
import { SMALL_FILE } from './hash-file.ts'
import { refusals } from './refusals.ts'
import { throwIfCancelled } from './slices.ts'

export interface BlobInfo {
  digest: string
  /** Bytes. */
  size: number
}

const MAGIC = Buffer.from('TOWBLOB1')
const FRAME_HEADER = 32 + 8
/** A frame of no file, so that a stream that was cut between two files is not taken for a whole one. */
const END = Buffer.alloc(FRAME_HEADER, 0xff)
/** Together with one frame of a small file: what may lie in memory, waiting for the disk. */
const MOST_WAITING = 16
/** 8 MiB: what the compressor below uses at its level, and all that a sender may make us set aside. */
const WINDOW_LOG = 23

/** One compressed stream of all these blobs. `read` throws where a file is no longer what it was. */
export async function* packBlobs(
  blobs: Iterable<BlobInfo>,
  read: (digest: string) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const compressor = createZstdCompress({
    params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_windowLog]: WINDOW_LOG - 2 },
  })
  const source = Readable.from(frames(blobs, read), { objectMode: true, highWaterMark: 16 })
  source.once('error', (error) => compressor.destroy(error))
  source.pipe(compressor)
  try {
    for await (const chunk of compressor) yield chunk
  } finally {
    source.destroy()
    compressor.destroy()
  }
}

async function* frames(
  blobs: Iterable<BlobInfo>,
  read: (digest: string) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield MAGIC
  for (const { digest, size } of blobs) {
    const header = Buffer.alloc(FRAME_HEADER)
    header.write(digest, 'hex')
    header.writeBigUInt64BE(BigInt(size), 32)
    yield header
    let sent = 0
    for await (const chunk of read(digest)) {
      sent += chunk.length
      if (sent <= size) yield chunk
    }
    if (sent !== size) throw refusals.changedSince(digest.slice(0, 12))
  }
  yield END
}

export interface Unpacked {
  /** Files that are in the store now. */
  blobs: number
  bytes: number
}

/**
 * Puts what arrives into the store. Only blobs that were announced are taken, once each and with their announced size,
 * which also bounds what a crafted stream can unfold to. UNAVAILABLE where the stream ends early (whole files are kept),
 * BAD_INPUT for anything else that is wrong.
 */
export async function unpackBlobs(
  stream: AsyncIterable<Uint8Array>,
  store: BlobStore,
  announced: Iterable<BlobInfo>,
  options: { signal?: AbortSignal } = {},
): Promise<Unpacked> {
  const expected = new Map([...announced].map(({ digest, size }) => [digest, size]))
  const unpacked: Unpacked = { blobs: 0, bytes: 0 }
  const waiting = new Set<Promise<void>>()
  let failure: unknown
  const cutOff = () => new CutOff()
  const bulk = createBulk(store)
  const put = (content: Uint8Array | AsyncIterable<Uint8Array>, digest: string, size: number) =>
    bulk.put(content, digest, { mostBytes: size }).then(() => {
      unpacked.blobs++
      unpacked.bytes += size
    })
  const reader = createByteReader(decompressed(stream, options.signal))
  try {
    await expectMagic(reader.exactly(MAGIC.length))
    for (;;) {
      if (failure) throw failure
      const header = await reader.exactly(FRAME_HEADER)
      if (!header) throw cutOff()
      if (header.equals(END)) break
      const { digest, size } = takeAnnounced(header, expected)
      if (size > SMALL_FILE) {
        await put(reader.stream(size, cutOff), digest, size)
        continue
      }
      const content = await reader.exactly(size)
      if (!content) throw cutOff()
      const task: Promise<void> = put(content, digest, size)
        .catch((error) => {
          failure ??= error
        })
        .finally(() => waiting.delete(task))
      waiting.add(task)
      if (waiting.size >= MOST_WAITING) await Promise.race(waiting)
    }
    if (!(await reader.isAtEnd())) throw refusals.badTransfer('bytes follow its end')
    await Promise.all(waiting)
    if (failure) throw failure
    return unpacked
  } catch (error) {
    await Promise.all(waiting)
    throw error instanceof CutOff ? refusals.cutOff(unpacked.blobs) : error
  } finally {
    await reader.close()
    await bulk.finish()
  }
}

/** Told apart from what the sender did wrong: here the same transfer, sent again, succeeds. */
class CutOff extends Error {}

async function expectMagic(start: Promise<Buffer | null>): Promise<void> {
  const magic = await start
  if (!magic) throw new CutOff()
  if (!magic.equals(MAGIC)) throw refusals.badTransfer('it is not in a format that is known here')
}

function takeAnnounced(header: Buffer, expected: Map<string, number>): BlobInfo {
  const digest = header.toString('hex', 0, 32)
  const size = Number(header.readBigUInt64BE(32))
  const wanted = expected.get(digest)
  if (wanted === undefined) throw refusals.badTransfer(`the file ${digest.slice(0, 12)} was not announced`)
  if (wanted !== size) {
    throw refusals.badTransfer(`the file ${digest.slice(0, 12)} has ${size} bytes, announced were ${wanted}`)
  }
  expected.delete(digest)
  return { digest, size }
}

/**
 * Decompresses and, unlike a pipeline, first hands out everything that was decompressed before a stream broke off:
 * those are the whole files that need not be sent again.
 */
async function* decompressed(
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  throwIfCancelled(signal)
  const decompressor = createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG } })
  let broken: unknown
  let isCut = false
  let isDone = false
  const wake = new EventTarget()
  const notify = () => wake.dispatchEvent(new Event('change'))
  for (const name of ['readable', 'end', 'close'] as const) decompressor.on(name, notify)
  decompressor.on('error', (error) => {
    broken = error
    notify()
  })
  // Not awaited: whoever stops early must not wait for a sender that has gone quiet.
  pump(stream, decompressor).catch((error) => {
    isCut = true
    broken ??= error
    notify()
  })
  decompressor.once('end', () => {
    isDone = true
  })
  signal?.addEventListener('abort', notify)
  try {
    for (;;) {
      throwIfCancelled(signal)
      const chunk: Buffer | null = decompressor.read()
      if (chunk) yield chunk
      else if (broken !== undefined) break
      else if (isDone || decompressor.destroyed) return
      else await once(wake, 'change')
    }
  } finally {
    signal?.removeEventListener('abort', notify)
    decompressor.destroy()
  }
  if (broken instanceof TowError) throw broken
  if (isCut || (broken as NodeJS.ErrnoException).code === 'Z_BUF_ERROR') throw new CutOff()
  throw refusals.badTransfer('its compressed bytes are damaged', broken)
}

async function pump(stream: AsyncIterable<Uint8Array>, target: Writable): Promise<void> {
  for await (const chunk of stream) {
    if (target.destroyed) return
    await new Promise<void>((resolve) => {
      target.once('close', resolve)
      target.write(chunk, () => {
        target.removeListener('close', resolve)
        resolve()
      })
    })
  }
  target.end()
}
