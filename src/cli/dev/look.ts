/** The tree of a working copy after a change: where only contents of known files changed, nothing else is read. */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { hashFile, lstatOrNull, modeOf } from '../../trees/hash-file.ts'
import { indexOfPath, makeTree, type Tree, type TreeEntry } from '../../trees/tree.ts'
import { isOwnOutput } from '../own-output.ts'

/** Files whose change can change what belongs to the tree. */
const DECIDES = /(?:^|\/)\.(?:gitignore|dockerignore|towignore|gitattributes)$/
const MOST_PATHS = 200
/** An editor that writes in place empties a file before it fills it: what is empty all at once is looked at again. */
const EMPTIED_MS = 40

/** The tree with these paths read anew; null where the folder has to be looked at as a whole. */
export async function lookAt(root: string, tree: Tree, paths: ReadonlySet<string>): Promise<Tree | null> {
  if (paths.size > MOST_PATHS) return null
  let entries: TreeEntry[] | null = null
  for (const path of paths) {
    const index = indexOfPath(tree, path)
    const known = tree.entries[index]
    const stats = lstatOrNull(join(root, path), path)
    // A folder of which something is told, or a file that came and went, as editors write theirs.
    if (!known && (stats === null || stats.isDirectory() || isOwnOutput(stats))) continue
    if (!known || !stats || modeOf(stats) !== known.mode || known.mode === 'link' || DECIDES.test(path))
      return null
    if (stats.size === 0n && known.size > 0) await delay(EMPTIED_MS)
    const file = await hashFile(join(root, path), path, stats)
    if (!file) return null
    if (isSame(file.entry, known)) continue
    entries ??= [...tree.entries]
    entries[index] = file.entry
  }
  return entries ? makeTree(entries) : tree
}

const isSame = (one: TreeEntry, other: TreeEntry) => one.digest === other.digest && one.size === other.size
