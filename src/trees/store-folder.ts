/** From a folder that a build has made to a tree and its blobs: everything in it, no rules applied. */
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import type { BlobStore } from './blob-store.ts'
import { createBulk } from './bulk.ts'
import { checkEntries, DEFAULT_LIMITS, type TreeLimits } from './check.ts'
import { type HashedFile, hashFile, lstatOrNull, modeOf, SMALL_FILE } from './hash-file.ts'
import { checkLinks } from './links.ts'
import { type LeftOut, walkAll } from './list-files.ts'
import { refusals } from './refusals.ts'
import { forEachInSlices } from './slices.ts'
import { makeTree, type Tree, type TreeEntry } from './tree.ts'

/**
 * Keeps a whole folder, node_modules included. Names may be anything that this system takes; a link that leaves the
 * folder is refused by name; empty folders are not part of a tree; sockets, pipes and devices are left out and named.
 * On the disk when it returns.
 */
export async function storeFolder(
  folder: string,
  store: BlobStore,
  options: { signal?: AbortSignal; limits?: Partial<TreeLimits> } = {},
): Promise<{ tree: Tree; leftOut: LeftOut[] }> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const listing = walkAll(folder, limits.entries, options.signal)
  const entries: TreeEntry[] = []
  const links = new Map<string, string>()
  const bulk = createBulk(store)

  const keep = async (file: HashedFile | null, path: string): Promise<void> => {
    if (!file) throw refusals.keepsChanging(path)
    const { entry, target } = file
    if (target !== undefined) links.set(path, target)
    const content =
      target !== undefined ? Buffer.from(target) : (file.content ?? fileStream(join(folder, path)))
    await bulk.put(content, entry.digest)
    entries.push(entry)
  }
  const look = (path: string): Promise<void> => {
    const absolute = join(folder, path)
    const stats = lstatOrNull(absolute, path)
    if (!stats || !modeOf(stats)) throw refusals.keepsChanging(path)
    if (stats.size > BigInt(limits.fileBytes)) {
      throw refusals.fileTooLarge(path, Number(stats.size), limits.fileBytes)
    }
    const result = hashFile(absolute, path, stats)
    return result instanceof Promise ? result.then((file) => keep(file, path)) : keep(result, path)
  }

  await forEachInSlices(listing.paths, look, { signal: options.signal })
  checkEntries(entries, { limits, names: 'local' })
  checkLinks(links)
  await bulk.finish()
  return { tree: makeTree(entries), leftOut: listing.leftOut }
}

const fileStream = (file: string) => createReadStream(file, { highWaterMark: SMALL_FILE })
