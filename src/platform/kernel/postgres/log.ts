/** The server's own log: one file, and one older beside it, both bounded. */
import { copyFile, open, stat, truncate } from 'node:fs/promises'

const LARGEST = 5 * 1024 * 1024

/** The server appends to it, so it may be cut while it runs: kept is a copy. */
export async function boundLog(file: string, largest = LARGEST): Promise<void> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  )
  if (size <= largest) return
  await copyFile(file, `${file}.1`)
  await truncate(file)
}

/** What was written after `position` bytes, as far as it is recent. */
export async function logLinesAfter(file: string, position: number): Promise<string[]> {
  const handle = await open(file, 'r')
  try {
    const { size } = await handle.stat()
    const start = Math.max(position, size - 16_384)
    const buffer = Buffer.alloc(Math.max(0, size - start))
    await handle.read(buffer, 0, buffer.length, start)
    return buffer.toString('utf8').trim().split('\n')
  } finally {
    await handle.close()
  }
}
