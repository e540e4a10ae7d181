/** Blobs in a backup: every one that is there, under its own digest, which proves it again when it comes back. */
import type { TowError } from '../../../api/errors.ts'
import type { BlobStore } from '../../../trees/blob-store.ts'
import type { BackupFile, BackupPart } from '../../kernel/backup.ts'
import { isLoss } from './put.ts'

/** `hold`: from there to the call of what it answers, nothing is collected. */
export function blobsPart(blobs: BlobStore, hold: () => Promise<() => void>): BackupPart {
  return {
    name: 'blobs',
    async open() {
      const letGo = await hold()
      const damaged: string[] = []
      return {
        files: () => filesOf(blobs, damaged),
        about: () => ({ damaged }),
        close: async () => letGo(),
      }
    },
    restore: () => ({
      check: async () => {},
      async take(digest, content) {
        // Whoever restores brings all of it to the disk at once.
        await blobs.put(content, digest, { durable: false })
      },
      finish: async () => {},
      cancel: async () => {},
    }),
  }
}

async function* filesOf(blobs: BlobStore, damaged: string[]): AsyncGenerator<BackupFile> {
  for await (const digest of blobs.digests()) {
    try {
      // Looked at before a byte of it is written: a damaged one is left out and named, the others are saved.
      for await (const _ of blobs.read(digest));
      yield { name: digest, content: blobs.read(digest) }
    } catch (error) {
      if (!isLoss(error)) throw error
      if ((error as TowError).code === 'FAILED') damaged.push(digest)
    }
  }
}
