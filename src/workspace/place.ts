/**
 * The files of a workspace. What is put there is written aside first and renamed into place, so that a reader finds the
 * old file or the new one; nothing is written through a link, and nothing outside the folder. What others made there,
 * e.g. the app itself, is left alone.
 */
import { hash } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { TowError } from '../api/errors.ts'
import { checkEntries, checkPath } from '../trees/check.ts'
import { hashFile, lstatOrNull, statKey } from '../trees/hash-file.ts'
import { checkLinks } from '../trees/links.ts'
import { makeTree, type Tree, type TreeEntry } from '../trees/tree.ts'

export interface Place {
  /** What lies there of these paths and of what was put there before, read from the disk. */
  look(claims: readonly string[]): Promise<Tree>
  /** Puts a content aside until `commit` names it. CONFLICT where it is not what its digest says. */
  keep(digest: string, content: Uint8Array): void
  /** The same in parts, in order; the last one makes it whole. */
  keepPart(digest: string, offset: number, part: Uint8Array): void
  /** Puts and removes, so that what lies there has this hash. Changes nothing where that could not be so. */
  commit(put: readonly TreeEntry[], remove: readonly string[], expected: string): Tree
  /** Reads again whatever may have changed: the paths that are not what was put there. */
  verify(): Promise<{ tree: Tree; paths: string[] }>
  tree(): Tree
}

export interface PlaceOptions {
  folder: string
  /** For what is on its way, and what is remembered; on the same file system. */
  state: string
  /** Whom the files belong to; null for whoever writes them. */
  uid: number | null
}

interface Known {
  entry: TreeEntry
  /** Of the file's stat when it was known to hold this. */
  key: string
}

export function openPlace({ folder, state, uid }: PlaceOptions): Place {
  const aside = join(state, 'aside')
  /** Every path that was ever put there, written before it is: whoever dies in the middle finds it again. */
  const journal = join(state, 'journal')
  rmSync(aside, { recursive: true, force: true })
  mkdirSync(aside, { recursive: true })
  const known = new Map<string, Known>()
  let present = makeTree([])

  async function read(path: string): Promise<Known | null> {
    if (!isInRealFolder(path)) return null
    const absolute = join(folder, path)
    const stats = lstatOrNull(absolute, path)
    if (!stats) return null
    const before = known.get(path)
    const key = statKey(stats)
    if (before?.key === key) return before
    const file = await hashFile(absolute, path, stats)
    return file ? { entry: file.entry, key: statKey(file.stats) } : null
  }

  function isInRealFolder(path: string): boolean {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      const stats = lstatOrNull(join(folder, path.slice(0, at)), path)
      if (!stats?.isDirectory()) return false
    }
    return true
  }

  function summarize(): Tree {
    present = makeTree([...known.values()].map(({ entry }) => entry))
    return present
  }

  const asideOf = (digest: string) => join(aside, digest)

  /** The link in the way of a path that would be written through it, or the folder where a file is to be. */
  function requirePlace(path: string, leaving: ReadonlySet<string>): void {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
      const parent = path.slice(0, at)
      const stats = lstatOrNull(join(folder, parent), parent)
      if (stats && !stats.isDirectory() && !leaving.has(parent)) throw inTheWay(parent, 'is no folder there')
    }
    if (!lstatOrNull(join(folder, path), path)?.isDirectory()) return
    const isEmptied = [...leaving].some((one) => one.startsWith(`${path}/`))
    if (!isEmptied) throw inTheWay(path, 'is a folder there')
  }

  function putOne(entry: TreeEntry, isLastUse: boolean): void {
    const target = join(folder, entry.path)
    makeFolders(dirname(entry.path))
    const draft = join(aside, 'draft')
    rmSync(draft, { force: true })
    if (entry.mode === 'link') symlinkSync(readFileSync(asideOf(entry.digest), 'utf8'), draft)
    else {
      if (isLastUse) renameSync(asideOf(entry.digest), draft)
      else copyFileSync(asideOf(entry.digest), draft)
      chmodSync(draft, entry.mode === '755' ? 0o755 : 0o644)
    }
    if (uid !== null) lchownSync(draft, uid, uid)
    const inPlace = lstatOrNull(target, entry.path)
    if (inPlace?.isDirectory()) rmdirSync(target)
    renameSync(draft, target)
    known.set(entry.path, { entry, key: statKey(lstatSync(target, { bigint: true })) })
  }

  function makeFolders(path: string): void {
    if (path === '.' || existsSync(join(folder, path))) return
    makeFolders(dirname(path))
    mkdirSync(join(folder, path))
    if (uid !== null) chownSync(join(folder, path), uid, uid)
  }

  function removeOne(path: string): void {
    if (isInRealFolder(path)) {
      rmSync(join(folder, path), { force: true })
      for (let parent = dirname(path); parent !== '.'; parent = dirname(parent)) {
        try {
          rmdirSync(join(folder, parent))
        } catch {
          break
        }
      }
    }
    known.delete(path)
  }

  return {
    async look(claims) {
      const paths = new Set([...readJournal(journal), ...claims])
      for (const path of paths) checkPath(path, 'local')
      const found = new Map<string, Known>()
      for (const path of paths) {
        const file = await read(path)
        if (file) found.set(path, file)
      }
      known.clear()
      for (const [path, file] of found) known.set(path, file)
      writeFileSync(journal, [...known.keys()].map((path) => `${path}\n`).join(''))
      return summarize()
    },
    keep(digest, content) {
      if (hash('sha256', content) !== digest) throw otherContent(digest)
      writeFileSync(asideOf(digest), content)
    },
    keepPart(digest, offset, part) {
      const descriptor = openSync(asideOf(digest), offset === 0 ? 'w' : 'r+')
      try {
        writeSync(descriptor, part, 0, part.length, offset)
      } finally {
        closeSync(descriptor)
      }
    },
    commit(put, remove, expected) {
      const leaving = new Set(remove)
      const after = new Map([...known].map(([path, { entry }]) => [path, entry]))
      for (const path of remove) if (!after.delete(path)) throw notThere(path)
      for (const entry of put) after.set(entry.path, entry)
      const tree = makeTree([...after.values()])
      if (tree.hash !== expected) throw otherTree()
      checkEntries(tree.entries, { names: 'local' })
      const uses = new Map<string, number>()
      for (const { digest, size } of put) {
        if (!uses.has(digest)) requireContent(asideOf(digest), digest, size)
        uses.set(digest, (uses.get(digest) ?? 0) + 1)
      }
      requireInside(put, known, asideOf, folder)
      for (const { path } of put) requirePlace(path, leaving)

      appendFileSync(journal, put.map(({ path }) => `${path}\n`).join(''))
      for (const path of remove) removeOne(path)
      for (const entry of put) {
        const left = uses.get(entry.digest)! - 1
        uses.set(entry.digest, left)
        putOne(entry, left === 0)
      }
      return summarize()
    },
    async verify() {
      const paths: string[] = []
      for (const [path, { entry }] of known) {
        const file = await read(path)
        if (file && file.entry.digest === entry.digest && file.entry.mode === entry.mode)
          known.set(path, file)
        else paths.push(path)
      }
      return { tree: present, paths }
    },
    tree: () => present,
  }
}

function readJournal(file: string): string[] {
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  // The last one may have been cut off.
  lines.pop()
  return lines
}

/** Parts that came in order add up to it, or it is another content. */
function requireContent(file: string, digest: string, size: number): void {
  const stats = lstatOrNull(file, digest)
  if (!stats) throw new TowError('CONFLICT', `the content ${digest.slice(0, 12)} was not sent`)
  if (Number(stats.size) !== size || hash('sha256', readFileSync(file)) !== digest) throw otherContent(digest)
}

/** Links stay inside, also those that others of the tree lead through. */
function requireInside(
  put: readonly TreeEntry[],
  known: ReadonlyMap<string, Known>,
  asideOf: (digest: string) => string,
  folder: string,
): void {
  const links = put.filter(({ mode }) => mode === 'link')
  if (links.length === 0) return
  const targets = new Map<string, string>()
  for (const { entry } of known.values()) {
    if (entry.mode !== 'link') continue
    const file = hashFile(
      join(folder, entry.path),
      entry.path,
      lstatSync(join(folder, entry.path), { bigint: true }),
    )
    if (file && !(file instanceof Promise) && file.target !== undefined) targets.set(entry.path, file.target)
  }
  for (const { path, digest } of links) targets.set(path, readFileSync(asideOf(digest), 'utf8'))
  checkLinks(targets)
}

function inTheWay(path: string, why: string): TowError {
  return new TowError(
    'CONFLICT',
    `${path} can't be put into the workspace: it ${why}, and the app may need it`,
    {
      hint: 'name it under dev.ignore in tow.yaml, or ship once more',
    },
  )
}

const notThere = (path: string) =>
  new TowError('CONFLICT', `${path} is not in the workspace, so it can't be removed`)

const otherContent = (digest: string) =>
  new TowError('CONFLICT', `what came for ${digest.slice(0, 12)} is another content`)

const otherTree = () =>
  new TowError(
    'CONFLICT',
    'the workspace is not what whoever sends to it takes it for; it is looked at again',
  )
