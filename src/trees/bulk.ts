/** Many blobs, durable in the cheapest way: a few by an fsync each, more of them by one flush of the disk at the end. */
import type { BlobStore } from './blob-store.ts'

/** About where one flush, which also writes what others left in memory, gets cheaper than an fsync per file. */
const MOST_SINGLE = 64

export interface Bulk {
  put: (...parameters: Parameters<BlobStore['put']>) => ReturnType<BlobStore['put']>
  add: (...parameters: Parameters<BlobStore['add']>) => ReturnType<BlobStore['add']>
  /** Everything that was put is on the disk once this resolves. */
  finish(): Promise<void>
}

export function createBulk(store: BlobStore): Bulk {
  let single = 0
  let isFlushOwed = false
  const isDurable = () => single < MOST_SINGLE
  const count = (durable: boolean) => {
    if (durable) single++
    else isFlushOwed = true
  }
  return {
    async put(content, digest, options) {
      const durable = isDurable()
      const result = await store.put(content, digest, { ...options, durable })
      if (result.isNew) count(durable)
      return result
    },
    async add(content, options) {
      const durable = isDurable()
      const result = await store.add(content, { ...options, durable })
      count(durable)
      return result
    },
    async finish() {
      if (isFlushOwed) await store.flush()
    },
  }
}
