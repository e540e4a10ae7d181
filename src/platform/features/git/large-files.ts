/** Files of which a commit holds only a pointer, because their content lives in Git LFS. */
import type { BlobStore } from '../../../trees/blob-store.ts'
import type { Tree } from '../../../trees/tree.ts'

/** By the specification a pointer is smaller than 1024 bytes; three lines need no fewer than this. */
const POINTER_BYTES = { least: 100, most: 1024 }
const POINTER = /^version https:\/\/(?:git-lfs\.github\.com|hawser\.github\.com)\/spec\//

/** Paths of all pointers. Small files are read only where some `.gitattributes` speaks of LFS. */
export function findPointers(tree: Tree, blobs: Pick<BlobStore, 'readBytes'>): string[] {
  const text = (digest: string) => blobs.readBytes(digest).toString('latin1')
  const files = tree.entries.filter(({ mode }) => mode !== 'link')
  const isUsed = files.some(
    ({ path, digest, size }) =>
      /(^|\/)\.gitattributes$/.test(path) && size <= 1024 ** 2 && /filter=lfs\b/.test(text(digest)),
  )
  if (!isUsed) return []
  return files
    .filter(({ size }) => size >= POINTER_BYTES.least && size < POINTER_BYTES.most)
    .filter(({ digest }) => POINTER.test(text(digest)))
    .map(({ path }) => path)
}
