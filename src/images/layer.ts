/**
 * OCI layers, packed on demand from files that are kept by digest, always to the same bytes: whoever packs again, on
 * whatever machine, gets the digest that was promised. Knows registry words, and no tree, app or release.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { Gzip } from 'fflate'
import tar from 'tar-stream'
import { TowError } from '../api/errors.ts'

export interface LayerEntry {
  /** Relative, `/`-separated. */
  path: string
  mode: '644' | '755' | 'link'
  /** SHA-256 of the content; for a link, of its target text. */
  digest: string
  /** Bytes. */
  size: number
}

export interface LayerDigests {
  /** `sha256:` of the tar, as an image config names it. */
  diffId: string
  /** `sha256:` of the compressed tar, as a manifest names it. */
  digest: string
  /** Bytes, compressed. */
  size: number
}

export type ReadBlob = (digest: string) => AsyncIterable<Uint8Array>

export interface LayerOptions {
  /** Folder in the image that the paths are relative to, e.g. `workspace`. */
  prefix: string
}

/** What buildpacks use: not zero, because zip files and what reads them cannot tell a time before 1980. */
const MODIFIED = new Date('1980-01-01T00:00:01Z')

/** User and group of everything in a layer: the app runs as them, and may write where it lies, as it may elsewhere. */
export const OWNER = 1000

/** The layer as an uncompressed tar: sorted, parents before children, one time, one owner. */
export async function* packLayer(
  entries: readonly LayerEntry[],
  readBlob: ReadBlob,
  options: LayerOptions,
): AsyncGenerator<Uint8Array> {
  const pack = tar.pack()
  const filling = fill(pack, entries, readBlob, options).catch((error) => pack.destroy(error))
  try {
    for await (const chunk of pack as AsyncIterable<Uint8Array>) yield chunk
  } finally {
    pack.destroy(new Error('no longer read'))
    await filling
  }
}

async function fill(
  pack: tar.Pack,
  entries: readonly LayerEntry[],
  readBlob: ReadBlob,
  options: LayerOptions,
) {
  const common = { uid: OWNER, gid: OWNER, mtime: MODIFIED }
  for (const item of inOrder(entries, options.prefix)) {
    if (item.entry === null) pack.entry({ ...common, name: `${item.name}/`, type: 'directory', mode: 0o755 })
    else if (item.entry.mode === 'link') {
      const linkname = await textOf(readBlob(item.entry.digest))
      pack.entry({ ...common, name: item.name, type: 'symlink', mode: 0o777, linkname })
    } else {
      const mode = item.entry.mode === '755' ? 0o755 : 0o644
      const sink = pack.entry({
        ...common,
        name: item.name,
        type: 'file',
        mode,
        size: item.entry.size,
      }) as unknown as Writable
      await write(sink, item.entry, readBlob)
    }
  }
  pack.finalize()
}

async function write(sink: Writable, entry: LayerEntry, readBlob: ReadBlob): Promise<void> {
  // A pack that is given up destroys its entries; without these the wait for room would never end.
  const closed = once(sink, 'close')
  closed.catch(() => {})
  let written = 0
  for await (const chunk of readBlob(entry.digest)) {
    written += chunk.length
    if (written > entry.size) break
    if (!sink.write(chunk)) await Promise.race([once(sink, 'drain'), closed])
    if (sink.destroyed) return
  }
  if (written !== entry.size) {
    throw new TowError(
      'FAILED',
      `The file “${entry.path}” has other than the ${entry.size} bytes that its layer lists.`,
    )
  }
  sink.end()
  await closed
}

/** Folders as items of their own, each before what is in it; the order is that of UTF-8 bytes, the same everywhere. */
function inOrder(
  entries: readonly LayerEntry[],
  prefix: string,
): { name: string; entry: LayerEntry | null }[] {
  const items = new Map<string, LayerEntry | null>()
  const folders = (path: string) => {
    for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1))
      items.set(path.slice(0, at), null)
  }
  if (prefix !== '') folders(`${prefix}/`)
  for (const entry of entries) {
    const name = prefix === '' ? entry.path : `${prefix}/${entry.path}`
    folders(name)
    items.set(name, entry)
  }
  return [...items]
    .map(([name, entry]) => ({ name, entry, bytes: Buffer.from(name) }))
    .sort((left, right) => Buffer.compare(left.bytes, right.bytes))
}

async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts).toString()
}

/** The compressor's output depends on how its input is cut, so it is always cut in the same way. */
const BLOCK = 64 * 1024
const LEVEL = 4

/**
 * The tar, compressed. By fflate, pinned to one version, and not by node:zlib: Node's zlib differs between versions and
 * processors (Chromium's fork has its own SIMD paths), so the same layer would get another digest on another machine,
 * and be built, pushed and pulled anew. JavaScript arithmetic is the same everywhere.
 */
export async function* compressLayer(packed: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const ready: Uint8Array[] = []
  const gzip = new Gzip({ level: LEVEL, mtime: 0 }, (chunk) => ready.push(chunk))
  let block = new Uint8Array(BLOCK)
  let filled = 0
  let sinceTurn = 0
  for await (const chunk of packed) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + BLOCK - filled)
      block.set(part, filled)
      filled += part.length
      at += part.length
      if (filled < BLOCK) continue
      gzip.push(block)
      block = new Uint8Array(BLOCK)
      filled = 0
      yield* ready.splice(0)
      // A block takes some milliseconds: others have their turn in between.
      if (++sinceTurn % 4 === 0) await nextTurn()
    }
  }
  gzip.push(block.subarray(0, filled), true)
  yield* ready.splice(0)
}

/**
 * Packs and compresses in one pass, handing each compressed chunk to `take`, and tells the digests at the end. Memory
 * is bounded by the chunks, not by the layer.
 */
export async function writeLayer(
  entries: readonly LayerEntry[],
  readBlob: ReadBlob,
  options: LayerOptions,
  take: (chunk: Uint8Array) => void | Promise<void>,
): Promise<LayerDigests> {
  const [plain, compressed] = [createHash('sha256'), createHash('sha256')]
  let size = 0
  async function* watched() {
    for await (const chunk of packLayer(entries, readBlob, options)) {
      plain.update(chunk)
      yield chunk
    }
  }
  for await (const chunk of compressLayer(watched())) {
    compressed.update(chunk)
    size += chunk.length
    await take(chunk)
  }
  return { diffId: `sha256:${plain.digest('hex')}`, digest: `sha256:${compressed.digest('hex')}`, size }
}

/** The digests that a layer will have, without keeping it. */
export function layerDigests(
  entries: readonly LayerEntry[],
  readBlob: ReadBlob,
  options: LayerOptions,
): Promise<LayerDigests> {
  return writeLayer(entries, readBlob, options, () => {})
}
