/** Which files of a folder are candidates: Git's own listing where there is a repository, else a walk. */
import { type Dirent, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Excluded, exclusions, type IgnoreFiles, isNeverShipped, type RuleFile } from './exclusions.ts'
import { askGit, mayBeInRepository, splitNul } from './git.ts'
import { refusals } from './refusals.ts'
import { throwIfCancelled } from './slices.ts'

/** Something of the folder that is not in its tree, for a line of words to whoever ships it. */
export interface LeftOut {
  path: string
  why: 'submodule' | 'repository' | 'special' | 'output'
}

export interface Listing {
  paths: string[]
  leftOut: LeftOut[]
  /** Modes by path where the file system cannot tell them (`core.fileMode=false`). */
  modes: Map<string, '644' | '755'> | null
}

/** The files of a working copy, exclusions applied, unsorted. Tracked files that were deleted may still be named. */
export async function listWorkingCopy(root: string, most: number, signal?: AbortSignal): Promise<Listing> {
  return (await listByGit(root, signal)) ?? walk(root, most, signal)
}

async function listByGit(root: string, signal?: AbortSignal): Promise<Listing | null> {
  if (!mayBeInRepository(root)) return null
  const [tracked, untracked, fileMode] = await Promise.all([
    askGit(root, ['ls-files', '-z', '--stage'], signal),
    askGit(root, ['ls-files', '-z', '--others', '--exclude-standard'], signal),
    askGit(root, ['config', '--type=bool', '--get', 'core.fileMode'], signal),
  ])
  throwIfCancelled(signal)
  for (const answer of [tracked, untracked]) {
    if (answer.code === 127 || /not a git repository|must be run in a work tree/.test(answer.stderr))
      return null
    if (answer.code !== 0) throw refusals.git(root, answer.stderr)
  }
  const listing: Listing = { paths: [], leftOut: [], modes: null }
  const modes = new Map<string, '644' | '755'>()
  const paths = new Set<string>()
  for (const line of splitNul(tracked.stdout)) {
    const path = line.slice(line.indexOf('\t') + 1)
    if (line.startsWith('160000')) listing.leftOut.push({ path, why: 'submodule' })
    else {
      modes.set(path, line.startsWith('100755') ? '755' : '644')
      // A file in conflict is listed once per side.
      paths.add(path)
    }
  }
  for (const path of splitNul(untracked.stdout)) {
    // Git names a repository inside this one as a folder and looks no further.
    if (path.endsWith('/')) listing.leftOut.push({ path: path.slice(0, -1), why: 'repository' })
    else paths.add(path)
  }
  // An empty answer is also what a folder gets that an outer repository ignores: it is not part of that repository.
  if (paths.size === 0 && listing.leftOut.length === 0) return null
  if (fileMode.stdout.toString().trim() === 'false') listing.modes = modes
  const excluded = exclusions(readIgnoreFiles(root, [...paths], false))
  listing.paths = [...paths].filter((path) => !excluded(path))
  listing.leftOut = listing.leftOut.filter(({ path }) => !excluded(path))
  return listing
}

/** The rule files among the paths of a working copy. */
function readIgnoreFiles(root: string, paths: string[], withGitignore: boolean): IgnoreFiles {
  const read = (path: string): RuleFile[] => {
    try {
      const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')))
      return [{ folder, text: readFileSync(join(root, path), 'utf8') }]
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw refusals.unreadable(path, error)
    }
  }
  const named = (name: string) =>
    paths.filter((path) => path === name || path.endsWith(`/${name}`)).flatMap(read)
  const docker = paths.includes('.dockerignore') ? read('.dockerignore')[0]?.text : undefined
  return {
    ...(docker === undefined ? {} : { dockerignore: docker }),
    towignore: named('.towignore'),
    gitignore: withGitignore ? named('.gitignore') : [],
  }
}

function walk(root: string, most: number, signal?: AbortSignal): Listing {
  const listing: Listing = { paths: [], leftOut: [], modes: null }
  const files: IgnoreFiles = { towignore: [], gitignore: [] }
  const visit = (folder: string, excluded: Excluded) => {
    throwIfCancelled(signal)
    const found = readFolder(root, folder)
    const names = found.map((item) => (folder === '' ? item.name : `${folder}/${item.name}`))
    const rules = readIgnoreFiles(root, names, true)
    if (folder === '' && rules.dockerignore !== undefined) files.dockerignore = rules.dockerignore
    let current = excluded
    if (folder === '' || rules.towignore.length + rules.gitignore.length > 0) {
      files.towignore.push(...rules.towignore)
      files.gitignore.push(...rules.gitignore)
      current = exclusions(files)
    }
    for (const [index, item] of found.entries()) {
      const path = names[index]!
      if (item.isDirectory()) {
        if (!current(path, true)) visit(path, current)
      } else if (current(path)) {
      } else if (item.isFile() || item.isSymbolicLink()) {
        listing.paths.push(path)
        if (listing.paths.length > most) throw refusals.tooManyFiles(root, most)
      } else listing.leftOut.push({ path, why: 'special' })
    }
  }
  visit('', isNeverShipped)
  return listing
}

/** Everything below a folder, no rules applied: for the results of builds. */
export function walkAll(root: string, most: number, signal?: AbortSignal): Listing {
  const listing: Listing = { paths: [], leftOut: [], modes: null }
  const folders = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    throwIfCancelled(signal)
    for (const item of readFolder(root, folder)) {
      const path = folder === '' ? item.name : `${folder}/${item.name}`
      if (item.isDirectory()) folders.push(path)
      else if (item.isFile() || item.isSymbolicLink()) listing.paths.push(path)
      else listing.leftOut.push({ path, why: 'special' })
    }
    if (listing.paths.length > most) throw refusals.tooManyFiles(root, most)
  }
  return listing
}

function readFolder(root: string, folder: string): Dirent[] {
  try {
    return readdirSync(join(root, folder), { withFileTypes: true })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (folder === '' && (code === 'ENOENT' || code === 'ENOTDIR')) throw refusals.noFolder(root)
    // Removed between being named and being read: as if it had never been there.
    if (code === 'ENOENT') return []
    throw refusals.unreadable(folder === '' ? root : folder, error)
  }
}
