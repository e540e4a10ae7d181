/**
 * Trees: content-addressed sets of files, how they are found, compared, kept, carried and laid out.
 * This room deliberately knows no app, release or image, reads no configuration, and never follows a link.
 */
import { hash } from 'node:crypto'
import { posix } from 'node:path'

/** A content-addressed set of files: a working copy, a commit and a running workspace are all trees. */
export type FileMode = '644' | '755' | 'link'

export interface TreeEntry {
  /** Relative, `/`-separated, no `.` or `..` segment; NFC where the tree came from a scan. */
  path: string
  mode: FileMode
  /** SHA-256 of the content; for a link, of its target text. */
  digest: string
  /** Bytes. */
  size: number
}

export interface Tree {
  /** SHA-256 over the canonical form of the entries. */
  hash: string
  /** Sorted by the bytes of their paths. */
  entries: readonly TreeEntry[]
}

const HEADER = 'towpath tree 1\n'

/** Orders paths by their UTF-8 bytes, so that every language and machine agrees. Negative, zero or positive. */
export function comparePaths(left: string, right: string): number {
  const length = Math.min(left.length, right.length)
  for (let index = 0; index < length; index++) {
    const a = left.charCodeAt(index)
    const b = right.charCodeAt(index)
    if (a === b) continue
    // UTF-16 puts surrogates (U+10000 and above) before U+E000..U+FFFF, UTF-8 after them.
    const aHigh = a >= 0xd800 && a <= 0xdfff
    const bHigh = b >= 0xd800 && b <= 0xdfff
    if (aHigh !== bHigh && a >= 0xd800 && b >= 0xd800) return aHigh ? 1 : -1
    return a - b
  }
  return left.length - right.length
}

/**
 * The canonical form: a header, then one line `mode digest size path` per entry, sorted. The hash of a tree is the
 * SHA-256 of exactly these bytes, so a tree can be kept as a blob named by its own hash.
 */
export function serializeTree(tree: Tree): Uint8Array {
  return Buffer.from(canonicalText(tree.entries))
}

function canonicalText(sorted: readonly TreeEntry[]): string {
  let text = HEADER
  for (const entry of sorted) text += `${entry.mode} ${entry.digest} ${entry.size} ${entry.path}\n`
  return text
}

/** Splits the canonical form; says nothing about the entries being sane. Null where the form itself is broken. */
export function readCanonicalText(text: string): TreeEntry[] | null {
  if (!text.startsWith(HEADER) || !text.endsWith('\n')) return null
  const lines = text.slice(HEADER.length).split('\n')
  lines.pop()
  const entries: TreeEntry[] = []
  for (const line of lines) {
    const match = /^(644|755|link) ([0-9a-f]{64}) (0|[1-9][0-9]{0,15}) ([^\n]+)$/.exec(line)
    if (!match) return null
    const [, mode, digest, size, path] = match
    entries.push({ path: path!, mode: mode as FileMode, digest: digest!, size: Number(size) })
  }
  return entries
}

/** Where the entry of this path is, or -1. */
export function indexOfPath(tree: Tree, path: string): number {
  let low = 0
  for (let high = tree.entries.length - 1; low <= high; ) {
    const middle = (low + high) >> 1
    const order = comparePaths(tree.entries[middle]!.path, path)
    if (order === 0) return middle
    if (order < 0) low = middle + 1
    else high = middle - 1
  }
  return -1
}

/** The hash of a set of entries, whatever their order. */
export function hashTree(entries: readonly TreeEntry[]): string {
  return hash('sha256', canonicalText(sortEntries(entries)))
}

/** Sorts and hashes. Checks nothing: entries from outside go through `checkEntries` first. */
export function makeTree(entries: readonly TreeEntry[]): Tree {
  const sorted = sortEntries(entries)
  return { hash: hash('sha256', canonicalText(sorted)), entries: sorted }
}

function sortEntries(entries: readonly TreeEntry[]): readonly TreeEntry[] {
  for (let index = 1; index < entries.length; index++) {
    if (comparePaths(entries[index - 1]!.path, entries[index]!.path) > 0) {
      return [...entries].sort((left, right) => comparePaths(left.path, right.path))
    }
  }
  return entries
}

/** The tree of one folder, its paths relative to it; `.` is the tree itself, an absent folder the empty tree. */
export function subtree(tree: Tree, path: string): Tree {
  const folder = posix.normalize(path).replace(/\/$/, '')
  if (folder === '.') return tree
  const prefix = `${folder}/`
  return makeTree(
    tree.entries
      .filter((entry) => entry.path.startsWith(prefix))
      .map((entry) => ({ ...entry, path: entry.path.slice(prefix.length) })),
  )
}

/**
 * Lays trees over each other as image layers are: later wins, folders merge, and a file where an earlier tree had a
 * folder (or the other way round) replaces it wholly.
 */
export function mergeTrees(trees: readonly Tree[]): Tree {
  let merged = new Map<string, TreeEntry>()
  for (const tree of trees) {
    if (merged.size > 0) merged = withoutReplaced(merged, tree)
    for (const entry of tree.entries) merged.set(entry.path, entry)
  }
  return makeTree([...merged.values()])
}

function withoutReplaced(earlier: Map<string, TreeEntry>, later: Tree): Map<string, TreeEntry> {
  const files = new Set(later.entries.map((entry) => entry.path))
  const folders = foldersOf(later.entries)
  const kept = new Map<string, TreeEntry>()
  for (const [path, entry] of earlier) {
    if (folders.has(path)) continue
    if (parentsOf(path).some((parent) => files.has(parent))) continue
    kept.set(path, entry)
  }
  return kept
}

/** Every folder that the entries imply, parents before children for sorted entries. */
export function foldersOf(entries: readonly { path: string }[]): Set<string> {
  const folders = new Set<string>()
  let last = ''
  for (const entry of entries) {
    const end = entry.path.lastIndexOf('/')
    const folder = end < 0 ? '' : entry.path.slice(0, end)
    if (folder === last || folder === '') continue
    last = folder
    for (const parent of parentsOf(entry.path)) folders.add(parent)
  }
  return folders
}

/** `a/b/c` gives `a`, `a/b`. */
function parentsOf(path: string): string[] {
  const parents: string[] = []
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) parents.push(path.slice(0, at))
  return parents
}
