/** The door for entries that came from outside: bounds, names and collisions, each refused in one sentence. Pure. */
import { refusals } from './refusals.ts'
import { foldersOf, makeTree, readCanonicalText, type Tree, type TreeEntry } from './tree.ts'

export interface TreeLimits {
  fileBytes: number
  treeBytes: number
  entries: number
}

export const DEFAULT_LIMITS: TreeLimits = {
  fileBytes: 512 * 1024 ** 2,
  treeBytes: 2 * 1024 ** 3,
  entries: 200_000,
}

/**
 * `portable`: what people ship must mean the same on every file system. `local`: results of a build (packages with odd
 * names) stay on systems that take them as they are.
 */
export type NameRules = 'portable' | 'local'

export interface CheckOptions {
  limits?: Partial<TreeLimits>
  names?: NameRules
}

/** Linux takes 4096 bytes and macOS 1024 for a whole path: this leaves room for the folder it is laid out in. */
const MOST_PATH_BYTES = 800
const MOST_SEGMENT_BYTES = 255
/** Longer than any path that a link could lead to. */
export const MOST_LINK_BYTES = 4096

/** Names as nearly all are: short, ASCII, no segment that is empty or made of dots. Nothing below refuses these. */
const PLAIN_PATH = /^\.?[\w@+-][\w@+.-]*(?:\/\.?[\w@+-][\w@+.-]*)*$/

/** Refuses a path that is unsafe anywhere; under portable rules also one that other systems would change. */
export function checkPath(path: string, names: NameRules = 'portable'): void {
  if (path.length <= MOST_SEGMENT_BYTES && PLAIN_PATH.test(path)) return
  if (path === '') throw refusals.badPath(path, 'it is empty')
  if (path.startsWith('/')) throw refusals.badPath(path, 'it is an absolute path')
  if (!path.isWellFormed() || path.includes('\ufffd')) throw refusals.badPath(path, 'it is not valid UTF-8')
  if (/\p{Cc}/u.test(path)) throw refusals.badPath(path, 'it holds a control character')
  if (Buffer.byteLength(path) > MOST_PATH_BYTES) {
    throw refusals.badPath(path, `the path is longer than ${MOST_PATH_BYTES} bytes`)
  }
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.') throw refusals.badPath(path, 'it holds an empty or `.` segment')
    if (segment === '..') throw refusals.badPath(path, 'it leads out of its folder by `..`')
    if (Buffer.byteLength(segment) > MOST_SEGMENT_BYTES) {
      throw refusals.badPath(path, `a name in it is longer than ${MOST_SEGMENT_BYTES} bytes`)
    }
  }
  if (names === 'local') return
  // Characters that reorder or hide text make a name read as something that it is not.
  if (/[\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]/u.test(path)) {
    throw refusals.badPath(path, 'it holds a character that hides or reorders text')
  }
  if (path.normalize('NFC') !== path) throw refusals.notNormalised(path)
}

/** Refuses anything that is not a sane tree, whoever sent it. Link targets are not known here: see `checkLinks`. */
export function checkEntries(entries: readonly TreeEntry[], options: CheckOptions = {}): void {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  if (entries.length > limits.entries) throw refusals.tooManyFiles('.', limits.entries)
  let total = 0
  for (const entry of entries) {
    checkPath(entry.path, options.names)
    if (!/^[0-9a-f]{64}$/.test(entry.digest)) throw refusals.badDigest(entry.digest)
    if (!Number.isSafeInteger(entry.size) || entry.size < 0) throw refusals.badSize(entry.path)
    if (entry.mode !== '644' && entry.mode !== '755' && entry.mode !== 'link') {
      throw refusals.badPath(entry.path, `it has the unknown mode ${String(entry.mode)}`)
    }
    const most = entry.mode === 'link' ? MOST_LINK_BYTES : limits.fileBytes
    if (entry.size > most) throw refusals.fileTooLarge(entry.path, entry.size, most)
    total += entry.size
  }
  if (total > limits.treeBytes) throw refusals.treeTooLarge(total, limits.treeBytes, largestOf(entries))
  checkCollisions(entries, options.names ?? 'portable')
}

function largestOf(entries: readonly TreeEntry[]): string {
  return entries.reduce((largest, entry) => (entry.size > largest.size ? entry : largest)).path
}

function checkCollisions(entries: readonly TreeEntry[], names: NameRules): void {
  const files = new Set<string>()
  for (const { path } of entries) {
    if (files.has(path)) throw refusals.twice(path)
    files.add(path)
  }
  const folders = foldersOf(entries)
  for (const folder of folders) {
    // Also what keeps anything from being written through a link: no entry lies below another entry.
    if (files.has(folder)) throw refusals.fileAndFolder(folder)
  }
  if (names === 'local') return
  const folded = new Map<string, string>()
  for (const path of [...folders, ...files]) {
    // A plain lower-case name is its own key: it meets another one only from that one's side.
    if (!/[A-Z\u0080-\uffff]/.test(path)) continue
    const key = path.normalize('NFC').toLowerCase()
    const other = folded.get(key) ?? (key !== path && (files.has(key) || folders.has(key)) ? key : undefined)
    if (other !== undefined) throw refusals.sameName(other, path)
    folded.set(key, path)
  }
}

/** Reads a tree that was kept or sent; every bound is checked, and the order too. `name` is for the sentence. */
export function parseTree(bytes: Uint8Array, name: string, options: CheckOptions = {}): Tree {
  const entries = readCanonicalText(new TextDecoder().decode(bytes))
  if (!entries) throw refusals.badTree(name)
  checkEntries(entries, options)
  const tree = makeTree(entries)
  if (tree.entries !== entries) throw refusals.badTree(name)
  return tree
}

/** Entries that came as plain data (JSON): checked, sorted and hashed; with `expected`, the hash is compared too. */
export function receiveTree(
  entries: readonly TreeEntry[],
  expected?: string,
  options: CheckOptions = {},
): Tree {
  checkEntries(entries, options)
  const tree = makeTree(entries)
  if (expected !== undefined && tree.hash !== expected) throw refusals.otherTree(expected, tree.hash)
  return tree
}
