/** From what a client says about a tree to a tree that is kept, and the list of what has yet to come. */
import { TowError } from '../../../api/errors.ts'
import type { BlobStore } from '../../../trees/blob-store.ts'
import { receiveTree } from '../../../trees/check.ts'
import { applyDiff } from '../../../trees/diff.ts'
import { checkLinks } from '../../../trees/links.ts'
import type { Tree, TreeEntry } from '../../../trees/tree.ts'
import { refusals } from './messages.ts'

export interface Upload {
  hash: string
  base?: string | undefined
  upserts: TreeEntry[]
  removals: string[]
}

/** The tree that was announced, its bounds and its hash checked. `base` is what the upload names, if it is known. */
export function announcedTree(upload: Upload, base: Tree | null): Tree {
  const { hash, upserts, removals } = upload
  if (!base) return receiveTree(upload.upserts, hash)
  return applyDiff(base, { base: base.hash, hash, upserts, removals })
}

/** Blobs that are not there. A file of another size than announced is refused. */
export function missingBlobs(blobs: BlobStore, entries: readonly TreeEntry[]): string[] {
  const missing = new Set(blobs.missing(entries.map((entry) => entry.digest)))
  for (const entry of entries) {
    if (missing.has(entry.digest)) continue
    const size = blobs.size(entry.digest)
    if (size !== null && size !== entry.size) throw refusals.otherSize(entry.path, entry.size, size)
  }
  return [...missing]
}

/** Once all is there the targets of links can be read: none may lead out of the tree. */
export function checkLinksOf(blobs: BlobStore, tree: Tree): void {
  const links = new Map<string, string>()
  for (const entry of tree.entries) {
    if (entry.mode === 'link') links.set(entry.path, blobs.readBytes(entry.digest).toString('utf8'))
  }
  checkLinks(links)
}

/** Whether a blob was lost or found damaged, so that what was thought to be whole has to be looked at again. */
export function isLoss(error: unknown): boolean {
  return error instanceof TowError && (error.code === 'NOT_FOUND' || error.code === 'FAILED')
}
