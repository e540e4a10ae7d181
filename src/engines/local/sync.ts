/** Makes a running workspace equal another tree, file by file: whoever reads meanwhile sees old or new, never half. */
import { chmodSync, lchownSync, mkdirSync, renameSync, rmdirSync, rmSync, symlinkSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { diffTrees } from '../../trees/diff.ts'
import type { Tree } from '../../trees/tree.ts'
import type { ContentSource } from '../engine.ts'

/** `from` is what was put there before; files that nobody of us put there stay. */
export async function syncFolder(
  content: ContentSource,
  workspace: string,
  from: Tree,
  to: Tree,
  uid: number | null,
): Promise<void> {
  const { added, changed, removed } = diffTrees(from, to)
  for (const { path } of removed) {
    rmSync(`${workspace}/${path}`, { force: true })
    removeEmpty(workspace, dirname(path))
  }
  for (const entry of [...added, ...changed]) {
    const target = `${workspace}/${entry.path}`
    const draft = `${target}.tow-new`
    mkdirSync(dirname(target), { recursive: true })
    rmSync(draft, { force: true })
    if (entry.mode === 'link') symlinkSync(content.blobs.readBytes(entry.digest).toString(), draft)
    else {
      await copyFile(content.blobs.path(entry.digest), draft)
      chmodSync(draft, entry.mode === '755' ? 0o755 : 0o644)
    }
    if (uid !== null) lchownSync(draft, uid, uid)
    renameSync(draft, target)
  }
}

function removeEmpty(workspace: string, folder: string): void {
  if (folder === '.') return
  try {
    rmdirSync(`${workspace}/${folder}`)
  } catch {
    return
  }
  removeEmpty(workspace, dirname(folder))
}
