/** Content to digest, with proof that the file did not change on the way. */
import { createHash, hash } from 'node:crypto'
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
} from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { refusals } from './refusals.ts'
import type { FileMode, TreeEntry } from './tree.ts'

/** Files up to this size are read at once; larger ones are streamed. */
export const SMALL_FILE = 1024 ** 2
const ATTEMPTS = 3

/** All that tells one state of a file from another without reading it. */
export function statKey(stats: BigIntStats): string {
  return `${stats.size} ${stats.mtimeNs} ${stats.ctimeNs} ${stats.ino} ${stats.mode}`
}

export function modeOf(stats: BigIntStats): FileMode | null {
  if (stats.isSymbolicLink()) return 'link'
  if (!stats.isFile()) return null
  return (stats.mode & 0o100n) === 0n ? '644' : '755'
}

export interface HashedFile {
  entry: TreeEntry
  stats: BigIntStats
  /** Of a link. */
  target?: string
  /** Of a small file: the very bytes that were hashed. */
  content?: Buffer
}

/** Null for a file that is gone or is no file any more. `absolute` is read, `path` goes into the entry. */
export function lstatOrNull(absolute: string, path: string): BigIntStats | null {
  try {
    return lstatSync(absolute, { bigint: true })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw refusals.unreadable(path, error)
  }
}

/**
 * Reads and hashes; returns a promise only for a large file. A file whose stat differs before and after is read again,
 * and refused with CONFLICT when it never holds still. Null when it is gone meanwhile.
 */
export function hashFile(
  absolute: string,
  path: string,
  stats: BigIntStats,
): HashedFile | null | Promise<HashedFile | null> {
  for (let attempt = 0, before: BigIntStats | null = stats; attempt < ATTEMPTS; attempt++) {
    if (!before) return null
    const mode = modeOf(before)
    if (mode === null) return null
    if (mode === 'link') return hashLink(absolute, path, before)
    if (before.size > BigInt(SMALL_FILE)) return hashLarge(absolute, path, before)
    const content = readSteady(absolute, path, before)
    if (content) {
      return {
        entry: { path, mode, digest: hash('sha256', content), size: content.length },
        stats: before,
        content,
      }
    }
    before = lstatOrNull(absolute, path)
  }
  throw refusals.keepsChanging(path)
}

function hashLink(absolute: string, path: string, stats: BigIntStats): HashedFile {
  let target: string
  try {
    target = readlinkSync(absolute, 'utf8')
  } catch (error) {
    throw refusals.unreadable(path, error)
  }
  const size = Buffer.byteLength(target)
  return { entry: { path, mode: 'link', digest: hash('sha256', target), size }, stats, target }
}

/** O_NOFOLLOW: a link put in the file's place after it was looked at is never read through. */
export const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

function readSteady(absolute: string, path: string, before: BigIntStats): Buffer | null {
  let descriptor: number | undefined
  try {
    descriptor = openSync(absolute, READ_FLAGS)
    if (statKey(fstatSync(descriptor, { bigint: true })) !== statKey(before)) return null
    const content = readFileSync(descriptor)
    const after = fstatSync(descriptor, { bigint: true })
    return statKey(after) === statKey(before) && content.length === Number(after.size) ? content : null
  } catch (error) {
    if (isGone(error)) return null
    throw refusals.unreadable(path, error)
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

async function hashLarge(absolute: string, path: string, stats: BigIntStats): Promise<HashedFile | null> {
  for (let attempt = 0, before: BigIntStats | null = stats; attempt < ATTEMPTS; attempt++) {
    if (!before) return null
    const mode = modeOf(before)
    if (mode === null || mode === 'link') return hashFile(absolute, path, before)
    const digest = await digestSteady(absolute, path, before)
    if (digest) return { entry: { path, mode, digest, size: Number(before.size) }, stats: before }
    before = lstatOrNull(absolute, path)
  }
  throw refusals.keepsChanging(path)
}

async function digestSteady(absolute: string, path: string, before: BigIntStats): Promise<string | null> {
  let handle: FileHandle | undefined
  try {
    handle = await open(absolute, READ_FLAGS)
    if (statKey(await handle.stat({ bigint: true })) !== statKey(before)) return null
    const sum = createHash('sha256')
    let size = 0
    for await (const chunk of handle.createReadStream({ autoClose: false, highWaterMark: SMALL_FILE })) {
      sum.update(chunk)
      size += chunk.length
      if (size > Number(before.size)) return null
    }
    const after = await handle.stat({ bigint: true })
    return statKey(after) === statKey(before) ? sum.digest('hex') : null
  } catch (error) {
    if (isGone(error)) return null
    throw refusals.unreadable(path, error)
  } finally {
    await handle?.close()
  }
}

function isGone(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code
  return code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP'
}
