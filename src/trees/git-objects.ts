/** What a commit holds, asked of Git's own plumbing: one listing, one process for all contents. */
import { posix } from 'node:path'
import { type ByteReader, createByteReader } from './byte-reader.ts'
import { checkPath } from './check.ts'
import { exclusions, type RuleFile } from './exclusions.ts'
import { askGit, mustGit, splitNul, startGit } from './git.ts'
import { SMALL_FILE } from './hash-file.ts'
import type { LeftOut } from './list-files.ts'
import { refusals } from './refusals.ts'
import { throwIfCancelled } from './slices.ts'
import type { FileMode } from './tree.ts'

export interface CommitFile {
  path: string
  mode: FileMode
  /** Git's name of the content. */
  object: string
  size: number
}

/** The full name of a commit; NOT_FOUND where the revision names none. */
export async function resolveCommit(
  repository: string,
  revision: string,
  signal?: AbortSignal,
): Promise<string> {
  const wanted = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${revision}^{commit}`]
  const { code, stdout, stderr } = await askGit(repository, wanted, signal)
  if (code === 127) throw refusals.noGit()
  if (code !== 0 && stderr.trim() !== '') throw refusals.git(repository, stderr)
  if (code !== 0) throw refusals.noCommit(revision, repository)
  return stdout.toString().trim()
}

/** The files of one folder of a commit, exclusions applied; their paths are relative to it and checked. */
export async function listCommit(
  repository: string,
  commit: string,
  path: string,
  signal?: AbortSignal,
): Promise<{ files: CommitFile[]; leftOut: LeftOut[] }> {
  const folder = posix.normalize(path).replace(/\/$/, '')
  if (folder !== '.') checkPath(folder)
  const tree = folder === '.' ? `${commit}^{tree}` : `${commit}:${folder}`
  const { code, stdout, stderr } = await askGit(
    repository,
    ['ls-tree', '-r', '-z', '-l', '--full-tree', tree],
    signal,
  )
  if (code !== 0 && /not a tree object|valid object name/i.test(stderr))
    throw refusals.noCommitFolder(folder, commit)
  if (code !== 0) throw refusals.git(repository, stderr)
  const files: CommitFile[] = []
  const leftOut: LeftOut[] = []
  for (const line of splitNul(stdout)) {
    const tab = line.indexOf('\t')
    const [mode, type, object, size] = line.slice(0, tab).split(/ +/)
    const name = line.slice(tab + 1)
    if (type === 'commit') leftOut.push({ path: name, why: 'submodule' })
    else files.push({ path: name, mode: modeOf(mode!), object: object!, size: Number(size) })
  }
  const excluded = await exclusionsOf(repository, files, signal)
  const kept = files.filter((file) => !excluded(file.path))
  for (const file of kept) checkPath(file.path)
  return { files: kept, leftOut: leftOut.filter((item) => !excluded(item.path)) }
}

function modeOf(mode: string): FileMode {
  if (mode === '120000') return 'link'
  return mode === '100755' ? '755' : '644'
}

async function exclusionsOf(repository: string, files: CommitFile[], signal?: AbortSignal) {
  const read = async (file: CommitFile): Promise<RuleFile> => ({
    folder: file.path.slice(0, Math.max(0, file.path.lastIndexOf('/'))),
    text: (await mustGit(repository, ['cat-file', 'blob', file.object], signal)).toString(),
  })
  const plain = files.filter((file) => file.mode !== 'link')
  const docker = plain.find((file) => file.path === '.dockerignore')
  const towignore: RuleFile[] = []
  for (const file of plain) if (/(^|\/)\.towignore$/.test(file.path)) towignore.push(await read(file))
  return exclusions({
    ...(docker ? { dockerignore: (await read(docker)).text } : {}),
    towignore,
    gitignore: [],
  })
}

export interface ObjectContent {
  file: CommitFile
  /** Whole where it is small; a stream, to be read to its end before the next one is asked for, where it is large. */
  content: Buffer | AsyncIterable<Uint8Array>
}

/** The contents of many files in the order asked for, through one `git cat-file --batch`. */
export async function* readObjects(
  repository: string,
  files: readonly CommitFile[],
  signal?: AbortSignal,
): AsyncGenerator<ObjectContent> {
  if (files.length === 0) return
  const child = startGit(repository, ['cat-file', '--batch'], signal)
  const failed = new Promise<never>((_, reject) => child.once('error', reject))
  failed.catch(() => {})
  let stderr = ''
  child.stderr.on('data', (chunk) => {
    stderr += chunk
  })
  child.stdin.on('error', () => {})
  child.stdin.end(files.map((file) => `${file.object}\n`).join(''))
  const reader = createByteReader(child.stdout)
  try {
    for (const file of files) {
      throwIfCancelled(signal)
      await expectHeader(reader, file, () => refusals.git(repository, stderr))
      const cutOff = () => refusals.git(repository, stderr)
      if (file.size > SMALL_FILE) yield { file, content: reader.stream(file.size, cutOff) }
      else {
        const content = await reader.exactly(file.size)
        if (!content) throw cutOff()
        yield { file, content }
      }
      await reader.exactly(1)
    }
  } catch (error) {
    throwIfCancelled(signal)
    throw error
  } finally {
    child.kill()
    await reader.close()
  }
}

async function expectHeader(reader: ByteReader, file: CommitFile, failure: () => Error): Promise<void> {
  const header = await reader.line(200)
  if (header !== `${file.object} blob ${file.size}`) throw failure()
}
