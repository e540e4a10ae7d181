/** What differs between two trees, and a tree as a change to another: small on the wire, verified on arrival. Pure. */
import { type CheckOptions, receiveTree } from './check.ts'
import { refusals } from './refusals.ts'
import { comparePaths, type Tree, type TreeEntry } from './tree.ts'

export interface TreeDiff {
  added: TreeEntry[]
  /** As they are in the later tree. */
  changed: TreeEntry[]
  /** As they were in the earlier tree. */
  removed: TreeEntry[]
}

/** A tree told as a change to another that the receiver has. */
export interface TreeChange {
  /** Hash of the tree to start from. */
  base: string
  /** Hash of the tree to arrive at. */
  hash: string
  upserts: TreeEntry[]
  removals: string[]
}

/** Compares by path; a changed mode is a change. */
export function diffTrees(from: Tree, to: Tree): TreeDiff {
  const diff: TreeDiff = { added: [], changed: [], removed: [] }
  if (from.hash === to.hash) return diff
  let at = 0
  for (const entry of to.entries) {
    let old = from.entries[at]
    for (; old && comparePaths(old.path, entry.path) < 0; old = from.entries[++at]) diff.removed.push(old)
    if (old?.path !== entry.path) diff.added.push(entry)
    else {
      if (!isSame(old, entry)) diff.changed.push(entry)
      at++
    }
  }
  for (; at < from.entries.length; at++) diff.removed.push(from.entries[at]!)
  return diff
}

function isSame(left: TreeEntry, right: TreeEntry): boolean {
  if (left === right) return true
  return left.digest === right.digest && left.mode === right.mode && left.size === right.size
}

/** `to` as a change of `from`. */
export function treeChange(from: Tree, to: Tree): TreeChange {
  const { added, changed, removed } = diffTrees(from, to)
  return {
    base: from.hash,
    hash: to.hash,
    upserts: [...added, ...changed],
    removals: removed.map((entry) => entry.path),
  }
}

/** The changed tree, checked like any that comes from outside. CONFLICT where the base or the result is another one. */
export function applyDiff(base: Tree, change: TreeChange, options: CheckOptions = {}): Tree {
  if (base.hash !== change.base) throw refusals.otherBase(change.base, base.hash)
  const entries = new Map(base.entries.map((entry) => [entry.path, entry]))
  for (const path of change.removals) entries.delete(path)
  for (const entry of change.upserts) entries.set(entry.path, entry)
  return receiveTree([...entries.values()], change.hash, options)
}
