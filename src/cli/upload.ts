/** Gets a tree to the platform: tells what it holds, sends what is missing, and goes on after a broken connection. */
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { TowError } from '../api/errors.ts'
import type { Client } from '../client/client.ts'
import { treeChange } from '../trees/diff.ts'
import { packBlobs } from '../trees/transfer.ts'
import type { Tree, TreeEntry } from '../trees/tree.ts'

/** What an upload needs of a client. */
export type UploadClient = Pick<Client, 'trees' | 'door'>

export interface UploadProgress {
  files: number
  sentFiles: number
  bytes: number
  sentBytes: number
}

export interface UploadOptions {
  /** A tree that the platform probably has: only what differs from it is told. */
  base?: Tree | null
  onProgress?: (progress: UploadProgress) => void
  signal?: AbortSignal
  /** Bytes of files that travel in one request; one larger file travels alone. */
  batchBytes?: number
  /** Milliseconds before the first try again; doubled each time. */
  patience?: number
}

const BATCH_BYTES = 32 * 1024 ** 2
const BATCH_FILES = 5000
const PATIENCE_MILLISECONDS = 100
/** Tries in a row that brought nothing further. */
const MOST_TRIES = 8

export interface Uploaded {
  files: number
  bytes: number
}

/**
 * Resolves once the platform has the whole tree; answers with what had to travel. `readBlob` gives the bytes of a
 * file by its digest, and throws where the file is no longer what the tree says.
 */
export async function uploadTree(
  client: UploadClient,
  tree: Tree,
  readBlob: (digest: string) => AsyncIterable<Uint8Array>,
  options: UploadOptions = {},
): Promise<Uploaded> {
  const { signal, onProgress = () => {}, batchBytes = BATCH_BYTES } = options
  const sizes = new Map(tree.entries.map((entry) => [entry.digest, entry.size]))
  const uploaded: Uploaded = { files: 0, bytes: 0 }
  let tell = announcement(tree, options.base ?? null)
  let known = Number.POSITIVE_INFINITY
  for (let tries = 0; ; ) {
    signal?.throwIfAborted()
    try {
      const answer = await client.trees.put(tell, signal ? { signal } : {})
      if (answer.unknownBase) {
        if (tell.base === undefined) throw nonsense('it asks for a base that was not named')
        tell = announcement(tree, null)
        continue
      }
      if (answer.complete) return uploaded
      // From now on the platform knows the tree: asking again costs nothing.
      tell = { hash: tree.hash, base: tree.hash, upserts: [], removals: [] }
      if (answer.missing.length < known) tries = 0
      known = answer.missing.length
      if (known === 0 || !answer.missing.every((digest) => sizes.has(digest))) {
        throw nonsense('it asks for files that are not in the tree')
      }
      const total = answer.missing.reduce((sum, digest) => sum + sizes.get(digest)!, 0)
      const progress = { files: uploaded.files + known, bytes: uploaded.bytes + total }
      for (const batch of batches(answer.missing, sizes, batchBytes)) {
        await client.door.request(`/blobs?tree=${tree.hash}`, {
          method: 'POST',
          contentType: 'application/vnd.towpath.blobs',
          body: toStream(packBlobs(batch, readBlob)),
          ...(signal ? { signal } : {}),
        })
        uploaded.files += batch.length
        uploaded.bytes += batch.reduce((sum, blob) => sum + blob.size, 0)
        onProgress({ ...progress, sentFiles: uploaded.files, sentBytes: uploaded.bytes })
      }
    } catch (error) {
      tries += 1
      if (!isBroken(error) || tries >= MOST_TRIES) throw error
      await sleep(
        (options.patience ?? PATIENCE_MILLISECONDS) * 2 ** (tries - 1),
        undefined,
        signal ? { signal } : {},
      )
    }
  }
}

function announcement(tree: Tree, base: Tree | null) {
  if (!base || base.hash === tree.hash)
    return { hash: tree.hash, upserts: [...tree.entries], removals: [] as string[] }
  return treeChange(base, tree) as { hash: string; base?: string; upserts: TreeEntry[]; removals: string[] }
}

function* batches(missing: readonly string[], sizes: ReadonlyMap<string, number>, most: number) {
  let batch: { digest: string; size: number }[] = []
  let bytes = 0
  for (const digest of missing) {
    const size = sizes.get(digest)!
    if (batch.length > 0 && (bytes + size > most || batch.length >= BATCH_FILES)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push({ digest, size })
    bytes += size
  }
  if (batch.length > 0) yield batch
}

function isBroken(error: unknown): boolean {
  return error instanceof TowError && error.code === 'UNAVAILABLE'
}

function nonsense(why: string): TowError {
  return new TowError('FAILED', `the platform's answer makes no sense: ${why}`, { hint: 'tow doctor' })
}

function toStream(bytes: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  return Readable.toWeb(Readable.from(bytes, { objectMode: false })) as ReadableStream<Uint8Array>
}
