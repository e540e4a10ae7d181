/** What is kept: trees and blobs that something refers to, and whatever was used within the grace time. */
import type { Collected } from '../../../trees/collect.ts'
import type { Tree } from '../../../trees/tree.ts'

/** What other features refer to. */
export interface Roots {
  trees: Iterable<string>
  blobs: Iterable<string>
}

export interface CollectSteps {
  roots(): Promise<Roots>
  /** Forgets trees that are not kept and unused; answers with the hashes of all that are left. */
  forget(keep: ReadonlySet<string>): Promise<string[]>
  /** Null where it can't be read any more. */
  read(hash: string): Promise<Tree | null>
  sweep(isReferenced: (digest: string) => boolean): Promise<Collected>
}

/**
 * The order is the safety: rows go first and what is left is marked afterwards, so that a tree which somebody began to
 * use in between is marked too. Blobs that arrive or are asked for meanwhile are young, and stay.
 */
export async function collectContent({ roots, forget, read, sweep }: CollectSteps): Promise<Collected> {
  const { trees, blobs } = await roots()
  const left = await forget(new Set(trees))
  const marked = new Set<string>(blobs)
  for (const hash of left) {
    // The text of a tree is a blob named by the tree's own hash.
    marked.add(hash)
    for (const entry of (await read(hash))?.entries ?? []) marked.add(entry.digest)
  }
  return sweep((digest) => marked.has(digest))
}
