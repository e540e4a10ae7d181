/** From a commit to its tree: the same rules as for a working copy, so that a clean one has the same hash. */
import { createHash, hash } from 'node:crypto'
import type { Bytes } from './blob-files.ts'
import type { BlobStore } from './blob-store.ts'
import { type Bulk, createBulk } from './bulk.ts'
import { checkEntries, DEFAULT_LIMITS, MOST_LINK_BYTES, type TreeLimits } from './check.ts'
import { type CommitFile, listCommit, readObjects, resolveCommit } from './git-objects.ts'
import { checkLinks } from './links.ts'
import type { LeftOut } from './list-files.ts'
import { refusals } from './refusals.ts'
import { emptyCache, readStatCache, type StatCache, writeStatCache } from './stat-cache.ts'
import { makeTree, type Tree, type TreeEntry } from './tree.ts'

export interface ScanCommitOptions {
  /** Receives every blob of the tree that it does not have. */
  store?: BlobStore
  /** Remembers digests by Git's own names between scans; one file per repository and folder. */
  cacheFile?: string
  signal?: AbortSignal
  limits?: Partial<TreeLimits>
}

export interface CommitScan {
  tree: Tree
  /** The full name of the commit. */
  commit: string
  leftOut: LeftOut[]
  /** How many blobs Git was asked for. */
  read: number
}

/**
 * The tree of one folder (`.` for all) of a commit, bare repositories included. The bytes are those that Git keeps: no
 * checkout conversion (autocrlf, LFS, filters) is applied, and `export-ignore` means nothing here. Submodules are left
 * out and named, as in `scan`.
 */
export async function scanCommit(
  repository: string,
  revision: string,
  path: string,
  options: ScanCommitOptions = {},
): Promise<CommitScan> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const commit = await resolveCommit(repository, revision, options.signal)
  const { files: listed, leftOut } = await listCommit(repository, commit, path, options.signal)
  checkSizes(repository, listed, limits)
  const cache = options.cacheFile ? readStatCache(options.cacheFile) : emptyCache()
  const bulk = options.store && createBulk(options.store)
  const fresh: StatCache = { beganNs: 0n, files: new Map() }
  const entries: TreeEntry[] = []
  const links = new Map<string, string>()
  const toRead: CommitFile[] = []
  const keep = ({ path, mode, object, size }: CommitFile, digest: string) => {
    fresh.files.set(path, { key: object, digest })
    entries.push({ path, mode, digest, size })
  }
  for (const file of listed) {
    const known = cache.files.get(file.path)
    const isKnown = known?.key === file.object && file.mode !== 'link'
    if (isKnown && (!options.store || options.store.missing([known.digest]).length === 0))
      keep(file, known.digest)
    else toRead.push(file)
  }
  for await (const { file, content } of readObjects(repository, toRead, options.signal)) {
    if (file.mode === 'link') links.set(file.path, content.toString())
    keep(file, await keepContent(content, bulk))
  }
  await bulk?.finish()
  checkEntries(entries, { limits })
  checkLinks(links)
  if (options.cacheFile && toRead.length > links.size) writeStatCache(options.cacheFile, fresh)
  return { tree: makeTree(entries), commit, leftOut, read: toRead.length }
}

function checkSizes(repository: string, files: CommitFile[], limits: TreeLimits): void {
  if (files.length > limits.entries) throw refusals.tooManyFiles(repository, limits.entries)
  // Before anything is read: a link's text is held in memory whole.
  for (const { path, mode, size } of files) {
    const most = mode === 'link' ? MOST_LINK_BYTES : limits.fileBytes
    if (size > most) throw refusals.fileTooLarge(path, size, most)
  }
}

async function keepContent(content: Bytes, store: Bulk | undefined): Promise<string> {
  if (content instanceof Uint8Array) {
    const digest = hash('sha256', content)
    await store?.put(content, digest)
    return digest
  }
  if (store) return (await store.add(content)).digest
  const sum = createHash('sha256')
  for await (const chunk of content) sum.update(chunk)
  return sum.digest('hex')
}
