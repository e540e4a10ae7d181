/** How bytes get onto the disk: hashed while they are written, and durable where that was asked for. */
import { spawn } from 'node:child_process'
import { createHash, hash } from 'node:crypto'
import { closeSync, fchmodSync, openSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { refusals } from './refusals.ts'

export type Bytes = Uint8Array | AsyncIterable<Uint8Array>

export interface PutOptions {
  /** Refused as soon as more arrive. */
  mostBytes?: number
  /** False: do not wait for the disk; call `flush` once after many. */
  durable?: boolean
}

export interface Written {
  digest: string
  size: number
}

/** Nobody writes to a blob again: whoever tries by accident is told so. */
const BLOB_MODE = 0o444

/** For small blobs in great number: a dozen microseconds in place of five trips through the thread pool. */
export function writeAtOnce(file: string, content: Uint8Array): Written {
  const descriptor = openSync(file, 'wx', 0o600)
  try {
    writeFileSync(descriptor, content)
    fchmodSync(descriptor, BLOB_MODE)
  } finally {
    closeSync(descriptor)
  }
  return { digest: hash('sha256', content), size: content.length }
}

export async function writeStream(file: string, content: Bytes, options: PutOptions): Promise<Written> {
  const handle = await open(file, 'wx', 0o600)
  try {
    const sum = createHash('sha256')
    const most = options.mostBytes ?? Number.POSITIVE_INFINITY
    let size = 0
    for await (const chunk of content instanceof Uint8Array ? [content] : content) {
      size += chunk.length
      if (size > most)
        throw refusals.badTransfer(`a file has more than the ${most} bytes that were announced`)
      sum.update(chunk)
      await handle.writeFile(chunk)
    }
    await handle.chmod(BLOB_MODE)
    if (options.durable !== false) await handle.sync()
    return { digest: sum.digest('hex'), size }
  } finally {
    await handle.close()
  }
}

export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/**
 * One flush of the file system in place of an fsync per file. The program `sync` is everywhere; only GNU's takes the
 * file system's name, elsewhere all are flushed.
 */
export async function flushDisk(folder: string): Promise<void> {
  if ((await run('sync', ['-f', folder])) !== 0) await run('sync', [])
}

function run(command: string, parameters: string[]): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, parameters, { stdio: 'ignore' })
    child.once('error', () => resolve(127))
    child.once('close', (code) => resolve(code ?? 1))
  })
}

/** What the disk says, in the words of the house; anything else as it is. */
export function diskRefusal(folder: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  if (code === 'ENOSPC' || code === 'EDQUOT') return refusals.diskFull(folder, error)
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return refusals.readOnly(folder, error)
  return error
}
