/** From a tree and its blobs to a folder that is exactly that tree, in place at once or not at all. */
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  createReadStream,
  fchmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { chmod, copyFile, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { diskRefusal } from './blob-files.ts'
import type { BlobStore } from './blob-store.ts'
import { checkEntries } from './check.ts'
import { flush, flushFolders } from './flush.ts'
import { SMALL_FILE } from './hash-file.ts'
import { checkLinks } from './links.ts'
import { refusals } from './refusals.ts'
import { forEachInSlices } from './slices.ts'
import { foldersOf, type Tree, type TreeEntry } from './tree.ts'

export interface LayOutOptions {
  /**
   * A folder where (a tree with) the same files is laid out already, on the same file system: its files are hard-linked
   * in place of being copied. Only for what nobody writes to, for both names lead to the same bytes.
   */
  linkFrom?: string
  /** Whatever happens to the machine, once it is there it is whole. */
  durable?: boolean
  signal?: AbortSignal
}

/**
 * Fills a folder that is absent or empty: it appears whole, by rename. Modes are 644, 755 and, for folders, 755,
 * whatever the umask; every copied byte is checked against its digest. NOT_FOUND for a missing blob, FAILED for a
 * damaged one (set aside, so that it can be sent again), DISK_FULL; after a failure nothing is left.
 */
export async function layOut(
  tree: Tree,
  store: BlobStore,
  folder: string,
  options: LayOutOptions = {},
): Promise<void> {
  checkEntries(tree.entries, { names: 'local', limits: NO_LIMITS })
  refuseFilled(folder)
  const links = readLinks(tree, store)
  const staging = `${folder}.${randomBytes(6).toString('hex')}.tmp`
  try {
    mkdirSync(dirname(folder), { recursive: true })
    const folders = ['', ...foldersOf(tree.entries)].map((path) => join(staging, path))
    const written: string[] = []
    for (const path of folders) makeFolder(path)
    const place = (entry: TreeEntry): void | Promise<void> => {
      const target = join(staging, entry.path)
      if (entry.mode === 'link') return symlinkSync(links.get(entry.path)!, target)
      if (options.linkFrom && linked(join(options.linkFrom, entry.path), target, entry)) return
      written.push(target)
      if (entry.size > SMALL_FILE) return copyLarge(entry, store, target)
      writeSmall(target, store.readBytes(entry.digest), entry)
    }
    await forEachInSlices(tree.entries, place, { signal: options.signal, parallel: 4 })
    if (options.durable) await flush(written).then(() => flushFolders(folders))
    renameSync(staging, folder)
    if (options.durable) await flushFolders([dirname(folder)])
  } catch (error) {
    await rm(staging, { recursive: true, force: true })
    const code = (error as NodeJS.ErrnoException).code
    if (
      code === 'ENOTEMPTY' ||
      (code === 'EEXIST' && !(error as NodeJS.ErrnoException).path?.startsWith(staging))
    ) {
      throw refusals.notEmpty(folder)
    }
    if (code === 'EEXIST')
      throw refusals.sameOnDisk((error as NodeJS.ErrnoException).path!.slice(staging.length + 1))
    throw diskRefusal(folder, error)
  }
}

/** Bounds were applied where the tree came in; a merge of several layers may well be larger than one of them. */
const NO_LIMITS = {
  entries: Number.POSITIVE_INFINITY,
  fileBytes: Number.POSITIVE_INFINITY,
  treeBytes: Number.POSITIVE_INFINITY,
}

function refuseFilled(folder: string): void {
  try {
    if (readdirSync(folder).length > 0) throw refusals.notEmpty(folder)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOTDIR') throw refusals.notEmpty(folder)
    if (code !== 'ENOENT') throw error
  }
}

function readLinks(tree: Tree, store: BlobStore): Map<string, string> {
  const links = new Map<string, string>()
  for (const { mode, path, digest } of tree.entries) {
    if (mode === 'link') links.set(path, store.readBytes(digest).toString())
  }
  checkLinks(links)
  return links
}

function makeFolder(folder: string): void {
  mkdirSync(folder)
  chmodSync(folder, 0o755)
}

const permissions = (entry: TreeEntry) => (entry.mode === '755' ? 0o755 : 0o644)

function writeSmall(target: string, content: Buffer, entry: TreeEntry): void {
  const descriptor = openSync(target, 'wx', 0o600)
  try {
    writeFileSync(descriptor, content)
    fchmodSync(descriptor, permissions(entry))
  } finally {
    closeSync(descriptor)
  }
}

/** False where the file there is another one or cannot be linked; then it is copied. */
function linked(source: string, target: string, entry: TreeEntry): boolean {
  const stats = lstatSync(source, { throwIfNoEntry: false })
  if (!stats?.isFile() || stats.size !== entry.size || (stats.mode & 0o777) !== permissions(entry))
    return false
  try {
    linkSync(source, target)
    return true
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'EXDEV' || code === 'EMLINK' || code === 'EPERM' || code === 'ENOENT') return false
    throw error
  }
}

/** A clone where the file system can (no bytes move), checked all the same. */
async function copyLarge(entry: TreeEntry, store: BlobStore, target: string): Promise<void> {
  const source = store.path(entry.digest)
  try {
    await copyFile(source, target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw code === 'ENOENT' ? refusals.noBlob(entry.digest) : error
  }
  await chmod(target, permissions(entry))
  const sum = createHash('sha256')
  for await (const chunk of createReadStream(target, { highWaterMark: SMALL_FILE })) sum.update(chunk)
  if (sum.digest('hex') === entry.digest) return
  // Whether the blob or the copy is damaged: reading the blob tells, and sets it aside if it is.
  for await (const _ of store.read(entry.digest));
  throw refusals.corrupted(entry.digest)
}
