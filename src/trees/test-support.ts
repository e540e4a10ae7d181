/** For the tests of this room: folders that remove themselves, files from a plain object, real Git. */
import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { TowError } from '../api/errors.ts'
import type { FileMode, TreeEntry } from './tree.ts'

export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tow-trees-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** `{ 'a/b.txt': 'text', 'run.sh': ['text', '755'], 'latest': ['a/b.txt', 'link'] }` */
export type Files = Record<string, string | Buffer | [string, FileMode]>

export function writeFiles(root: string, files: Files): string {
  for (const [path, content] of Object.entries(files)) {
    const file = join(root, path)
    mkdirSync(dirname(file), { recursive: true })
    const [text, mode] = Array.isArray(content) ? content : [content, '644']
    rmSync(file, { force: true })
    if (mode === 'link') symlinkSync(text, file)
    else {
      writeFileSync(file, text)
      chmodSync(file, mode === '755' ? 0o755 : 0o644)
    }
  }
  return root
}

export function entry(path: string, content = path, mode: FileMode = '644'): TreeEntry {
  return { path, mode, digest: hash('sha256', content), size: Buffer.byteLength(content) }
}

export function git(folder: string, ...parameters: string[]): string {
  const who = ['-c', 'user.name=Tester', '-c', 'user.email=tester@example.org', '-c', 'core.autocrlf=false']
  return execFileSync('git', ['-C', folder, ...who, ...parameters], {
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim()
}

export function repository(files: Files = {}): string {
  const root = temporaryFolder()
  git(root, 'init', '-q', '-b', 'main')
  writeFiles(root, files)
  return root
}

export function commitAll(root: string): string {
  git(root, 'add', '--all', '.')
  git(root, 'commit', '-q', '--allow-empty', '-m', 'Change')
  return git(root, 'rev-parse', 'HEAD')
}

/** The TowError that something ends with; anything else fails the test. */
export async function refusalOf(work: () => unknown): Promise<TowError> {
  try {
    await work()
  } catch (error) {
    if ((error as Error).name !== 'TowError') throw error
    return error as TowError
  }
  throw new Error('Nothing was refused.')
}
