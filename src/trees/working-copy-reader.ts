/** Gives the blobs of a scanned working copy to whoever sends them, and notices what was edited meanwhile. */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, createReadStream, openSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { READ_FLAGS, SMALL_FILE } from './hash-file.ts'
import { refusals } from './refusals.ts'
import type { Tree, TreeEntry } from './tree.ts'

/** Reads by digest; throws CONFLICT at the end where the file is no longer what was scanned. */
export function workingCopyReader(root: string, tree: Tree): (digest: string) => AsyncIterable<Uint8Array> {
  const entries = new Map(tree.entries.map((entry) => [entry.digest, entry]))
  return (digest) => {
    const entry = entries.get(digest)
    if (!entry) throw refusals.noBlob(digest)
    return readChecked(join(root, entry.path), entry)
  }
}

async function* readChecked(absolute: string, entry: TreeEntry): AsyncGenerator<Uint8Array> {
  const sum = createHash('sha256')
  try {
    if (entry.mode === 'link') yield add(sum, Buffer.from(readlinkSync(absolute)))
    else {
      const descriptor = openSync(absolute, READ_FLAGS)
      // A stream costs half a millisecond: too much for each of 20,000 small files.
      if (entry.size <= SMALL_FILE) yield add(sum, readAndClose(descriptor))
      else {
        const stream = createReadStream('', { fd: descriptor, highWaterMark: SMALL_FILE })
        for await (const chunk of stream) yield add(sum, chunk)
      }
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (
      code === 'ENOENT' ||
      code === 'ENOTDIR' ||
      code === 'ELOOP' ||
      code === 'EINVAL' ||
      code === 'EISDIR'
    ) {
      throw refusals.changedSince(entry.path)
    }
    throw code === undefined ? error : refusals.unreadable(entry.path, error)
  }
  if (sum.digest('hex') !== entry.digest) throw refusals.changedSince(entry.path)
}

function add(sum: Hash, chunk: Uint8Array): Uint8Array {
  sum.update(chunk)
  return chunk
}

function readAndClose(descriptor: number): Buffer {
  try {
    return readFileSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
