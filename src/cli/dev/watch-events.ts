/** What the operating system tells of a folder and all below it, but for what is never shipped. */
import { type FSWatcher, lstatSync, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'

/** `tell` gets a path relative to the folder; null where anything may have changed. */
export function watchEvents(root: string, signal: AbortSignal, tell: (path: string | null) => void): void {
  if (process.platform === 'linux') {
    watchEachFolder(root, signal, tell)
    return
  }
  const watcher = watch(root, { recursive: true, signal }, (_, name) => {
    if (name === null || !isNeverShipped(name)) tell(name)
  })
  watcher.on('error', () => tell(null))
}

/**
 * One watch for each folder. What Node calls recursive follows each file here, and never again tells of one that was
 * replaced: as Git does, and editors that write a file aside and rename it.
 */
function watchEachFolder(root: string, signal: AbortSignal, tell: (path: string | null) => void): void {
  const watchers = new Map<string, FSWatcher>()

  function add(folder: string): void {
    try {
      const watcher = watch(join(root, folder), { signal }, (event, name) => take(folder, event, name))
      watcher.on('error', () => tell(null))
      watchers.set(folder, watcher)
      for (const item of readdirSync(join(root, folder), { withFileTypes: true })) {
        const path = pathOf(folder, item.name)
        if (item.isDirectory() && !isNeverShipped(path)) add(path)
      }
    } catch {
      // It is gone already, or no watches are left: then only looking again tells.
      tell(null)
    }
  }

  function drop(folder: string): void {
    for (const [path, watcher] of watchers) {
      if (path !== folder && !path.startsWith(`${folder}/`)) continue
      watcher.close()
      watchers.delete(path)
    }
  }

  function take(folder: string, event: string, name: string | null): void {
    const path = name === null ? null : pathOf(folder, name)
    if (path !== null && isNeverShipped(path)) return
    if (path !== null && event === 'rename') {
      const isFolder = lstatSync(join(root, path), { throwIfNoEntry: false })?.isDirectory() === true
      if (watchers.has(path)) drop(path)
      if (isFolder) {
        add(path)
        // What was in it before it was watched.
        tell(null)
      }
    }
    tell(path)
  }

  add('')
}

const pathOf = (folder: string, name: string) => (folder === '' ? name : `${folder}/${name}`)

const NEVER = new Set(['.git', 'node_modules', '.tow'])

function isNeverShipped(path: string): boolean {
  return path.split('/').some((segment) => NEVER.has(segment))
}
