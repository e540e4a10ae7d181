/**
 * Dependency layers by the key that decides them (lockfile and toolchain): kept as a tree for artifacts, and as a
 * folder beside it that the next build uses as it is, so that an unchanged lockfile costs next to nothing.
 */
import { existsSync, mkdirSync } from 'node:fs'
import { readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { TowError } from '../../../api/errors.ts'
import { layOut } from '../../../trees/lay-out.ts'
import type { Tree } from '../../../trees/tree.ts'
import type { Queries } from '../../kernel/database.ts'
import type { Content } from '../content/index.ts'
import { folderName } from './rules.ts'
import { saveDependencies, useDependencies } from './store.ts'

export interface Dependencies {
  /** The folder made earlier under this key and its tree; null where there is none. */
  find(key: string, now: Date, signal: AbortSignal): Promise<{ folder: string; tree: Tree } | null>
  /** Keeps what a build made under this key. The folder may be moved away. */
  keep(key: string, folder: string, tree: Tree, now: Date): Promise<void>
  /** Removes folders of other keys than these. */
  prune(keys: Iterable<string>): Promise<void>
}

export function createDependencies(folder: string, db: Queries, content: Content): Dependencies {
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const placeOf = (key: string) => join(folder, folderName(key))
  return {
    async find(key, now, signal) {
      const hash = await useDependencies(db, key, now)
      if (hash === null) return null
      try {
        const tree = await content.wholeTree(db, hash)
        const place = placeOf(key)
        // Named by its tree as well, so that a folder never stands for another tree than the row says.
        const laidOut = join(place, hash)
        if (!existsSync(laidOut)) await layOut(tree, content.blobs, laidOut, { signal })
        return { folder: laidOut, tree }
      } catch (error) {
        // Damaged or collected: it is made anew, as if it had never been.
        if (error instanceof TowError && ['NOT_FOUND', 'CONFLICT', 'FAILED'].includes(error.code)) {
          await content.doubt(hash)
          return null
        }
        throw error
      }
    },
    async keep(key, made, tree, now) {
      const laidOut = join(placeOf(key), tree.hash)
      if (!existsSync(laidOut)) {
        mkdirSync(placeOf(key), { recursive: true, mode: 0o755 })
        await rename(made, laidOut).catch(async (error: NodeJS.ErrnoException) => {
          // Another build was quicker with the same result, or it lies on another disk: then it is laid out when needed.
          if (!['ENOTEMPTY', 'EEXIST', 'EXDEV'].includes(error.code ?? '')) throw error
        })
      }
      await saveDependencies(db, key, tree.hash, now)
    },
    async prune(keys) {
      const wanted = new Set([...keys].map(folderName))
      for (const name of await readdir(folder)) {
        if (!wanted.has(name)) await rm(join(folder, name), { recursive: true, force: true })
      }
    },
  }
}
