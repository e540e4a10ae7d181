/** From a working copy to its tree. */
import { type BigIntStats, existsSync } from 'node:fs'
import { checkEntries, checkPath, DEFAULT_LIMITS, type TreeLimits } from './check.ts'
import { type HashedFile, hashFile, lstatOrNull, modeOf, statKey } from './hash-file.ts'
import { checkLinks } from './links.ts'
import { type LeftOut, listWorkingCopy } from './list-files.ts'
import { refusals } from './refusals.ts'
import { forEachInSlices } from './slices.ts'
import { cachedDigest, emptyCache, readStatCache, type StatCache, writeStatCache } from './stat-cache.ts'
import { makeTree, type Tree, type TreeEntry } from './tree.ts'

export interface ScanOptions {
  /** Where digests are remembered between scans; one file per root. */
  cacheFile?: string
  signal?: AbortSignal
  limits?: Partial<TreeLimits>
  /** Whether a file is one that whoever scans writes to: it is left out. */
  isOutput?: (stats: BigIntStats) => boolean
}

export interface Scan {
  tree: Tree
  /** What is in the folder but not in the tree though nobody asked for that: worth a line to whoever ships it. */
  leftOut: LeftOut[]
  /** How many files were read; the others were known by their stat. */
  hashed: number
}

/**
 * The tree of a working copy: what Git tracks or would add (else a walk with .gitignore), without what .dockerignore
 * and .towignore leave out, and never node_modules, .git or .env. The bytes are those on disk: where Git converts on
 * checkout (autocrlf, LFS, other filters) they differ from the commit's, and so does the hash. Only the owner's
 * executable bit counts as a mode. Submodules and repositories inside, sockets, pipes and devices are left out and named.
 */
export async function scan(root: string, options: ScanOptions = {}): Promise<Scan> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  if (!existsSync(root)) throw refusals.noFolder(root)
  const beganNs = BigInt(Date.now()) * 1_000_000n
  const listing = await listWorkingCopy(root, limits.entries, options.signal)
  if (listing.paths.length > limits.entries) throw refusals.tooManyFiles(root, limits.entries)
  const cache = options.cacheFile ? readStatCache(options.cacheFile) : emptyCache()
  const fresh: StatCache = { beganNs, files: new Map() }
  const entries: TreeEntry[] = []
  const links = new Map<string, string>()
  const outputs: LeftOut[] = []
  let hashed = 0

  const keep = (entry: TreeEntry, stats: BigIntStats) => {
    fresh.files.set(entry.path, { key: statKey(stats), digest: entry.digest })
    const mode = (entry.mode !== 'link' && listing.modes?.get(entry.path)) || entry.mode
    entries.push(mode === entry.mode ? entry : { ...entry, mode })
  }
  const keepHashed = (file: HashedFile | null) => {
    if (!file) return
    hashed++
    if (file.target !== undefined) links.set(file.entry.path, file.target)
    keep(file.entry, file.stats)
  }
  const look = (listed: string): void | Promise<void> => {
    const absolute = `${root}/${listed}`
    const path = nameInTree(listed)
    // A name that is no UTF-8 cannot even be opened by its text: it must not pass for a deleted file.
    if (path.includes('\ufffd')) checkPath(path)
    if (!isInRealFolder(listed)) return
    const stats = lstatOrNull(absolute, path)
    const mode = stats && modeOf(stats)
    // Tracked but deleted, or replaced by a folder: not there.
    if (!stats || !mode) return
    if (options.isOutput?.(stats)) {
      outputs.push({ path, why: 'output' })
      return
    }
    if (stats.size > BigInt(limits.fileBytes)) {
      throw refusals.fileTooLarge(path, Number(stats.size), limits.fileBytes)
    }
    // A link's target is needed whole to judge where it leads, and reading it is no dearer than its stat.
    const digest = mode === 'link' ? undefined : cachedDigest(cache, path, stats)
    if (digest) return keep({ path, mode, digest, size: Number(stats.size) }, stats)
    const result = hashFile(absolute, path, stats)
    return result instanceof Promise ? result.then(keepHashed) : keepHashed(result)
  }

  const isInRealFolder = realFolders(root)

  await forEachInSlices(listing.paths, look, { signal: options.signal })
  checkEntries(entries, { limits })
  checkLinks(links)
  if (options.cacheFile && (hashed > links.size || fresh.files.size !== cache.files.size)) {
    writeStatCache(options.cacheFile, fresh)
  }
  return { tree: makeTree(entries), leftOut: [...listing.leftOut, ...outputs], hashed }
}

/** Git goes on listing tracked files of a folder that was replaced by a link: through it they must not be found. */
function realFolders(root: string): (path: string) => boolean {
  const known = new Map<string, boolean>()
  const isReal = (path: string): boolean => {
    const end = path.lastIndexOf('/')
    if (end < 0) return true
    const folder = path.slice(0, end)
    let answer = known.get(folder)
    if (answer === undefined) {
      answer = isReal(folder) && lstatOrNull(`${root}/${folder}`, folder)?.isDirectory() === true
      known.set(folder, answer)
    }
    return answer
  }
  return isReal
}

/** macOS may hand out decomposed names for files that it opens under either form; Git there composes them as well. */
const isComposing = process.platform === 'darwin'
const nameInTree = (listed: string): string => (isComposing ? listed.normalize('NFC') : listed)
