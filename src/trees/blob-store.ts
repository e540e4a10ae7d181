/**
 * Blobs on disk, named by the SHA-256 of their bytes: written whole or not at all, verified when read, shared by all.
 * The store knows no tree and no reference: whoever collects says what is still referred to.
 */
import { createHash, hash, randomBytes } from 'node:crypto'
import {
  createReadStream,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import {
  type Bytes,
  diskRefusal,
  flushDisk,
  type PutOptions,
  syncFolder,
  writeAtOnce,
  writeStream,
} from './blob-files.ts'
import { type Collected, collectBlobs, namesIn } from './collect.ts'
import { SMALL_FILE } from './hash-file.ts'
import { refusals } from './refusals.ts'

export interface BlobStore {
  readonly folder: string
  has(digest: string): boolean
  /** Those that are not here, each once. Looking keeps the others safe from collection for its grace age. */
  missing(digests: Iterable<string>): string[]
  /** Bytes on disk, null where it is not here. */
  size(digest: string): number | null
  /** Writes by temporary file, fsync and rename. BAD_INPUT for other bytes than announced, DISK_FULL leaving nothing. */
  put(content: Bytes, digest: string, options?: PutOptions): Promise<{ size: number; isNew: boolean }>
  /** Like `put`, for content whose digest is not known before. */
  add(content: Bytes, options?: PutOptions): Promise<{ size: number; digest: string }>
  /** Waits until everything that was put with `durable: false` is on the disk. */
  flush(): Promise<void>
  /** Streams; throws at the end where the bytes are not what the name says, and sets the blob aside. */
  read(digest: string): AsyncIterable<Uint8Array>
  /** A whole small blob, verified. */
  readBytes(digest: string): Buffer
  /** Where the file lies; never write there. */
  path(digest: string): string
  /** All that are here, in no order that means anything. */
  digests(): AsyncIterable<string>
  /** Those that were set aside and have not come anew. */
  damaged(): string[]
  /** Deletes what nobody refers to and nobody has put or asked for within `olderThan` milliseconds. */
  collect(isReferenced: (digest: string) => boolean, options: { olderThan: number }): Promise<Collected>
}

const DIGEST_LENGTH = 64
/** How stale a blob's time may get before it is renewed: far below any grace age, and no write for most look-ups. */
const RENEW_AFTER_MILLISECONDS = 10 * 60_000

export function createBlobStore(folder: string): BlobStore {
  const temporaries = join(folder, 'tmp')
  const aside = join(folder, 'corrupt')
  const path = (digest: string) => {
    if (!/^[0-9a-f]{64}$/.test(digest)) throw refusals.badDigest(digest)
    return join(folder, digest.slice(0, 2), digest)
  }
  const known = new Set<string>()
  const ensureFolder = (wanted: string) => {
    if (known.has(wanted)) return
    mkdirSync(wanted, { recursive: true, mode: 0o755 })
    known.add(wanted)
  }
  const setAside = (digest: string) => {
    ensureFolder(aside)
    // Another reader may have done it already.
    renameIfThere(path(digest), join(aside, `${digest}.${Date.now()}`))
    return refusals.corrupted(digest)
  }

  const readBytes = (digest: string) => {
    const content = orNoBlob(digest, () => readFileSync(path(digest)))
    if (hash('sha256', content) !== digest) throw setAside(digest)
    return content
  }
  async function* readStream(digest: string): AsyncGenerator<Uint8Array> {
    const sum = createHash('sha256')
    const descriptor = orNoBlob(digest, () => openSync(path(digest), 'r'))
    for await (const chunk of createReadStream('', { fd: descriptor, highWaterMark: SMALL_FILE })) {
      sum.update(chunk)
      yield chunk
    }
    if (sum.digest('hex') !== digest) throw setAside(digest)
  }
  const write = async (content: Bytes, expected: string | undefined, options: PutOptions) => {
    const temporary = join(temporaries, randomBytes(12).toString('hex'))
    try {
      ensureFolder(temporaries)
      const isQuick =
        options.durable === false && content instanceof Uint8Array && content.length <= SMALL_FILE
      const written = isQuick
        ? writeAtOnce(temporary, content)
        : await writeStream(temporary, content, options)
      if (expected !== undefined && written.digest !== expected)
        throw refusals.otherContent(expected, written.digest)
      const target = path(written.digest)
      ensureFolder(dirname(target))
      renameSync(temporary, target)
      // The name is part of what must survive a power cut.
      if (options.durable !== false) await syncFolder(dirname(target))
      return written
    } catch (error) {
      // A folder that is gone or a disk that is full: look at everything anew next time.
      known.clear()
      rmSync(temporary, { force: true })
      throw diskRefusal(folder, error)
    }
  }

  return {
    folder,
    path,
    has: (digest) => sizeOf(path(digest)) !== null,
    size: (digest) => sizeOf(path(digest)),
    missing: (digests) => [...new Set(digests)].filter((digest) => !renew(path(digest))),
    readBytes,
    async *read(digest) {
      const size = sizeOf(path(digest))
      // A stream costs half a millisecond: too much for each of 20,000 small files.
      if (size !== null && size <= SMALL_FILE) yield readBytes(digest)
      else yield* readStream(digest)
    },
    async put(content, digest, options = {}) {
      if (renew(path(digest))) {
        await discard(content)
        return { size: sizeOf(path(digest)) ?? 0, isNew: false }
      }
      const { size } = await write(content, digest, options)
      return { size, isNew: true }
    },
    add: (content, options = {}) => write(content, undefined, options),
    flush: () => flushDisk(folder),
    digests: () => digestsIn(folder),
    damaged() {
      const found = namesIn(aside).map((name) => name.slice(0, DIGEST_LENGTH))
      return [...new Set(found)].filter((digest) => sizeOf(path(digest)) === null)
    },
    collect: (isReferenced, options) => collectBlobs(folder, isReferenced, options.olderThan),
  }
}

async function* digestsIn(folder: string): AsyncGenerator<string> {
  for (const first of namesIn(folder)) {
    if (!/^[0-9a-f]{2}$/.test(first)) continue
    for (const name of namesIn(join(folder, first))) if (name.length === DIGEST_LENGTH) yield name
  }
}

/** Frees the sender: a stream that nobody reads would hold its connection. */
async function discard(content: Bytes): Promise<void> {
  if (content instanceof Uint8Array) return
  for await (const _ of content);
}

function sizeOf(file: string): number | null {
  return statSync(file, { throwIfNoEntry: false })?.size ?? null
}

/** True where the file is; its time is brought up to now if it is getting old, so that it is not collected. */
function renew(file: string): boolean {
  const stats = statSync(file, { throwIfNoEntry: false })
  if (!stats) return false
  if (Math.abs(Date.now() - stats.mtimeMs) < RENEW_AFTER_MILLISECONDS) return true
  try {
    const now = new Date()
    utimesSync(file, now, now)
    return true
  } catch (error) {
    // Collected between the two calls: it has to come again.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

function renameIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function orNoBlob<T>(digest: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw refusals.noBlob(digest)
    throw error
  }
}
