/** The working copy that a command means, and where it comes from. */
import { execFile } from 'node:child_process'
import { access } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Origin } from '../api/app-spec.ts'
import { mayBeInRepository } from '../trees/git.ts'

const execute = promisify(execFile)

/** What Git answers; null where it fails: no Git, no repository, no commit yet. */
export async function git(folder: string, ...args: string[]): Promise<string | null> {
  if (!mayBeInRepository(folder)) return null
  try {
    return (await execute('git', ['-C', folder, ...args], { maxBuffer: 64 * 1024 * 1024 })).stdout.trim()
  } catch {
    return null
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

/** The nearest folder upwards with a tow.yaml, as far as the repository goes; else the folder itself. */
export async function findRoot(cwd: string): Promise<string> {
  const top = await git(cwd, 'rev-parse', '--show-toplevel')
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (await exists(join(folder, 'tow.yaml'))) return folder
    if (folder === top || folder === dirname(folder) || top === null) return cwd
  }
}

/** Commit, branch and whether the folder differs from the commit. */
export async function describeOrigin(folder: string): Promise<Origin> {
  const [last, branch, changes] = await Promise.all([
    git(folder, 'log', '-1', '--no-show-signature', '--format=%H%n%ct%n%s'),
    git(folder, 'symbolic-ref', '--quiet', '--short', 'HEAD'),
    git(folder, 'status', '--porcelain', '--', '.'),
  ])
  const [commit, committed, subject] = last?.split('\n') ?? []
  if (!commit) return {}
  return {
    commit,
    dirty: changes !== null && changes !== '',
    ...(branch ? { branch: branch.slice(0, 255) } : {}),
    ...(subject ? { subject: subject.slice(0, 500) } : {}),
    ...(committed ? { committedAt: new Date(Number(committed) * 1000).toISOString() } : {}),
  }
}
