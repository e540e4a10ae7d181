import { constants } from 'node:fs'
import { copyFile, link, lstat, mkdir, readdir, readFile, readlink, symlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'

/** Files worked on at once: enough to hide the disk's delay, few enough to leave file handles to others. */
const PARALLEL = 16

export interface FoundFile {
  /** Relative, `/`-separated. */
  path: string
  kind: 'file' | 'folder' | 'link'
}

/** Every file, folder and link below a folder, parents first, sorted; what `skip` names is not entered. */
export async function walk(
  root: string,
  skip: (path: string) => boolean = () => false,
): Promise<FoundFile[]> {
  const found: FoundFile[] = []
  let level = ['']
  while (level.length > 0) {
    const next: string[] = []
    await inParallel(level, async (folder) => {
      for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
        const path = folder === '' ? entry.name : `${folder}/${entry.name}`
        if (skip(path)) continue
        if (entry.isDirectory()) next.push(path)
        if (entry.isDirectory()) found.push({ path, kind: 'folder' })
        else if (entry.isFile()) found.push({ path, kind: 'file' })
        else if (entry.isSymbolicLink()) found.push({ path, kind: 'link' })
      }
    })
    level = next
  }
  return found.sort((left, right) => (left.path < right.path ? -1 : 1))
}

export interface CopyOptions {
  skip?: (path: string) => boolean
  /** Files are linked, not copied, where the disk allows it: only for content that nobody changes in place. */
  hardLinks?: boolean
}

/** Copies a folder over another: files with their times, links as they are. */
export async function copyFolder(
  from: string,
  to: string,
  { skip, hardLinks = false }: CopyOptions = {},
): Promise<void> {
  await mkdir(to, { recursive: true })
  const found = await walk(from, skip)
  for (const { path, kind } of found) if (kind === 'folder') await mkdir(join(to, path), { recursive: true })
  await inParallel(
    found.filter(({ kind }) => kind !== 'folder'),
    async ({ path, kind }) => {
      const source = join(from, path)
      const target = join(to, path)
      if (kind === 'link') await symlink(await readlink(source), target)
      else if (!hardLinks || !(await tryLink(source, target))) {
        await copyFile(source, target, constants.COPYFILE_FICLONE)
        const { atime, mtime } = await lstat(source)
        await utimes(target, atime, mtime)
      }
    },
  )
}

async function tryLink(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target)
    return true
  } catch {
    return false
  }
}

/** Runs a task for every item, a bounded number at once. The first failure is thrown once all have settled. */
export async function inParallel<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  const results = await Promise.allSettled(
    Array.from({ length: Math.min(PARALLEL, items.length) }, async () => {
      for (const item of queue) await task(item)
    }),
  )
  for (const result of results) if (result.status === 'rejected') throw result.reason
}

/** The text of a file; null where there is none. */
export async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw error
  }
}

/** Whether something of that name is there. */
export async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  )
}
