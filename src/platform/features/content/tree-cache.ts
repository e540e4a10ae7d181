/** The trees that were read last, by hash; bounded by the number of their entries. */
import type { Tree } from '../../../trees/tree.ts'

export interface TreeCache {
  get(hash: string): Tree | undefined
  add(tree: Tree): void
}

export function createTreeCache(mostEntries: number): TreeCache {
  const trees = new Map<string, Tree>()
  let entries = 0
  return {
    get(hash) {
      const tree = trees.get(hash)
      if (tree) {
        trees.delete(hash)
        trees.set(hash, tree)
      }
      return tree
    },
    add(tree) {
      if (trees.has(tree.hash) || tree.entries.length > mostEntries) return
      trees.set(tree.hash, tree)
      entries += tree.entries.length
      for (const oldest of trees.values()) {
        if (entries <= mostEntries) break
        trees.delete(oldest.hash)
        entries -= oldest.entries.length
      }
    },
  }
}
