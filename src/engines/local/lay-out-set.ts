/**
 * Puts the files of a set where the runner starts its processes. Dependencies are laid out once and hard-linked into
 * every set that has the same; a folder is there by rename, whole.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Artifact } from '../../api/app-spec.ts'
import { flushFolders } from '../../trees/flush.ts'
import { layOut } from '../../trees/lay-out.ts'
import { foldersOf, mergeTrees, type Tree } from '../../trees/tree.ts'
import type { ContentSource } from '../engine.ts'

export interface SetLayout {
  /** Absent, or whole already. */
  workspace: string
  artifact: Artifact
  /** Owner of the folders and of the app's own files; null for whoever runs this. */
  uid: number | null
}

export interface LayoutFolders {
  layers: string
}

/** Lays out unless it is there. Not safe for two at once on one workspace: callers queue. */
export async function layOutSet(
  folders: LayoutFolders,
  content: ContentSource,
  set: SetLayout,
): Promise<void> {
  if (existsSync(set.workspace)) return
  const { dependencies, app } = await treesOf(content, set.artifact)
  const merged = mergeTrees([...dependencies, app])
  const linkFrom = await linkSource(folders, content, dependencies, app)
  const draft = `${set.workspace}.draft`
  rmSync(draft, { recursive: true, force: true })
  openFolder(dirname(set.workspace))
  await layOut(merged, content.blobs, draft, { durable: true, ...(linkFrom !== null && { linkFrom }) })
  if (set.uid !== null) own(draft, merged, app, set.uid)
  renameSync(draft, set.workspace)
  await flushFolders([dirname(set.workspace)])
}

export async function treesOf(
  content: ContentSource,
  artifact: Artifact,
): Promise<{ dependencies: Tree[]; app: Tree }> {
  const of = (kind: 'dependencies' | 'app') =>
    Promise.all(
      artifact.layers.filter((layer) => layer.kind === kind).map((layer) => content.tree(layer.tree)),
    )
  const [dependencies, apps] = await Promise.all([of('dependencies'), of('app')])
  return { dependencies, app: mergeTrees(apps) }
}

/** Null where nothing can be shared: linked files must be the very ones, and an app may replace some of them. */
async function linkSource(
  folders: LayoutFolders,
  content: ContentSource,
  dependencies: Tree[],
  app: Tree,
): Promise<string | null> {
  const [layer, more] = dependencies
  if (!layer || more || layer.entries.length === 0) return null
  const digests = new Map(layer.entries.map((entry) => [entry.path, entry.digest]))
  const replaced = app.entries.some((entry) => (digests.get(entry.path) ?? entry.digest) !== entry.digest)
  if (replaced) return null
  const folder = `${folders.layers}/${layer.hash}`
  if (existsSync(folder)) return folder
  openFolder(folders.layers)
  try {
    await layOut(layer, content.blobs, folder, { durable: true })
  } catch (error) {
    // Two sets with the same dependencies at the same time: the other one was first.
    if (!existsSync(folder)) throw error
  }
  return folder
}

/** Others may pass through, whatever the umask. */
function openFolder(folder: string): void {
  const missing: string[] = []
  for (let one = folder; !existsSync(one); one = dirname(one)) missing.unshift(one)
  for (const one of missing) {
    mkdirSync(one)
    chmodSync(one, 0o711)
  }
}

/** The app may write in its workspace, but not into files that other sets share. */
function own(workspace: string, merged: Tree, app: Tree, uid: number): void {
  chownSync(workspace, uid, uid)
  // Other apps have no business in it.
  chmodSync(workspace, 0o750)
  for (const folder of foldersOf(merged.entries)) chownSync(`${workspace}/${folder}`, uid, uid)
  for (const { path } of app.entries) lchownSync(`${workspace}/${path}`, uid, uid)
}

/** Removes layers that no set links to any more; one that was just laid out may still be about to be linked. */
export async function collectLayers(layers: string, olderThanMilliseconds: number): Promise<void> {
  const names = existsSync(layers) ? readdirSync(layers) : []
  for (const name of names) {
    const folder = `${layers}/${name}`
    const sample = firstFile(folder)
    const age = Date.now() - lstatSync(folder).ctimeMs
    if (age > olderThanMilliseconds && (sample === null || lstatSync(sample).nlink === 1)) {
      renameSync(folder, `${folder}.gone`)
      await rm(`${folder}.gone`, { recursive: true, force: true })
    }
  }
}

function firstFile(folder: string): string | null {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`
    if (entry.isFile()) return path
    const inside = entry.isDirectory() ? firstFile(path) : null
    if (inside) return inside
  }
  return null
}
