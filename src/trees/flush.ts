/** What was written is on the disk, not only on its way: a power cut does not take it back. */
import { open } from 'node:fs/promises'

/** Together, the system writes many in one go. */
const AT_ONCE = 16

export async function flush(paths: readonly string[]): Promise<void> {
  let next = 0
  async function one(): Promise<void> {
    while (next < paths.length) {
      const handle = await open(paths[next++]!, 'r')
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, one))
}

/** The names in them. Elsewhere than on Linux a folder can’t be flushed, or need not be. */
export async function flushFolders(paths: readonly string[]): Promise<void> {
  if (process.platform === 'linux') await flush(paths)
}
