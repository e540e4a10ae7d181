/** What a commit says about itself, and its files as a tree. */
import { join } from 'node:path'
import { askGit, mustGit } from '../../../trees/git.ts'
import { scanCommit } from '../../../trees/scan-commit.ts'
import type { Tree } from '../../../trees/tree.ts'
import type { Content } from '../content/index.ts'
import { findPointers } from './large-files.ts'
import { refusals } from './messages.ts'
import type { Repositories } from './repositories.ts'

export interface Commit {
  commit: string
  subject: string
  committedAt: string
}

/** `path`: of a repository that sees it. */
export async function describeCommit(path: string, name: string, signal?: AbortSignal): Promise<Commit> {
  const shown = (
    await mustGit(path, ['show', '-s', '--format=%H %ct %s', `${name}^{commit}`], signal)
  ).toString()
  const [, commit = '', seconds = '', subject = ''] = /^(\S+) (\d+) ?(.*)$/.exec(shown.trim()) ?? []
  return { commit, subject, committedAt: new Date(Number(seconds) * 1000).toISOString() }
}

/** What a delivery keeps of where it came from. */
export const originOf = ({ commit, subject, committedAt }: Commit, branch: string) => ({
  ...{ commit, branch, dirty: false, committedAt },
  ...(subject && { subject: subject.slice(0, 500) }),
})

/** The commit that a branch names; null where there is none of that name. */
export async function commitOf(path: string, branch: string): Promise<string | null> {
  const asked = ['show-ref', '--verify', '--hash', '--end-of-options', `refs/heads/${branch}`]
  const { code, stdout } = await askGit(path, asked)
  return code === 0 ? stdout.toString().trim() : null
}

/** What the folder of a repository is called, which names an app that no file names. */
export const folderNameOf = (repository: string, folder: string): string =>
  folder === '.' ? repository : folder.slice(folder.lastIndexOf('/') + 1)

export interface TakeDependencies {
  content: Pick<Content, 'adopt' | 'blobs'>
  repositories: Repositories
}

/** The files of the commit, kept as a tree; refused where some of them are not in the repository. */
export async function takeTree(
  { content, repositories }: TakeDependencies,
  {
    repository,
    path,
    commit,
    folder,
    signal,
  }: {
    repository: string
    /** Of a repository that sees the commit. */
    path: string
    commit: string
    folder: string
    signal?: AbortSignal
  },
): Promise<{ tree: Tree; leftOut: string[] }> {
  const { tree, leftOut } = await scanCommit(path, commit, folder, {
    store: content.blobs,
    cacheFile: join(repositories.pathOf(repository), 'tow-digests'),
    ...(signal ? { signal } : {}),
  })
  const pointers = findPointers(tree, content.blobs)
  if (pointers.length > 0) throw refusals.largeFiles(pointers)
  await content.adopt(tree)
  return { tree, leftOut: leftOut.map(({ path }) => path) }
}
