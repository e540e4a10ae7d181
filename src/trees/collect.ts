/** Removes blobs that nobody refers to, without ever taking one that somebody is about to refer to. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { forEachInSlices } from './slices.ts'

export interface Collected {
  blobs: number
  bytes: number
  /** Leftovers of writes that were cut off, and blobs that were set aside as damaged. */
  leftovers: number
}

export async function collectBlobs(
  folder: string,
  isReferenced: (digest: string) => boolean,
  olderThan: number,
): Promise<Collected> {
  const collected: Collected = { blobs: 0, bytes: 0, leftovers: 0 }
  const before = Date.now() - olderThan
  const isOld = (file: string) =>
    (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY) < before
  const temporaries = join(folder, 'tmp')
  mkdirSync(temporaries, { recursive: true })

  const fanOut = namesIn(folder).filter((name) => /^[0-9a-f]{2}$/.test(name))
  const digests = fanOut.flatMap((name) => namesIn(join(folder, name)))
  await forEachInSlices(digests, (digest) => {
    const file = join(folder, digest.slice(0, 2), digest)
    if (isReferenced(digest) || !isOld(file)) return
    // Taken away first and looked at again: one that was asked for in between is put back.
    const hidden = join(temporaries, randomBytes(12).toString('hex'))
    try {
      renameSync(file, hidden)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
      throw error
    }
    if (!isOld(hidden)) return renameSync(hidden, file)
    collected.bytes += statSync(hidden).size
    collected.blobs++
    rmSync(hidden, { force: true })
  })
  for (const place of [temporaries, join(folder, 'corrupt')]) {
    for (const name of namesIn(place)) {
      if (!isOld(join(place, name))) continue
      rmSync(join(place, name), { force: true })
      collected.leftovers++
    }
  }
  return collected
}

/** Nothing where there is no such folder. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
