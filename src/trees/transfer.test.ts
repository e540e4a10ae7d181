import { hash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { createBlobStore } from './blob-store.ts'
import { scan } from './scan.ts'
import { refusalOf, temporaryFolder, writeFiles } from './test-support.ts'
import { type BlobInfo, packBlobs, unpackBlobs } from './transfer.ts'
import { workingCopyReader } from './working-copy-reader.ts'

const CONTENTS = [
  ...['', 'a', 'text '.repeat(5000)].map((text) => Buffer.from(text)),
  ...[100, 40_000, 300_000, 1_500_000, 2_500_000].map((size) => randomBytes(size)),
]
const blobs: BlobInfo[] = CONTENTS.map((content) => ({
  digest: hash('sha256', content),
  size: content.length,
}))
const byDigest = new Map(CONTENTS.map((content) => [hash('sha256', content), content]))
async function* read(digest: string) {
  const content = byDigest.get(digest)!
  for (let at = 0; at < content.length; at += 65_536) yield content.subarray(at, at + 65_536)
}

async function packed(infos = blobs, reader: typeof read = read): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of packBlobs(infos, reader)) parts.push(part)
  return Buffer.concat(parts)
}

async function* inChunks(content: Buffer, size = 10_000) {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size)
}

function frame(digest: string, content: Buffer, size = content.length): Buffer {
  const header = Buffer.alloc(40)
  header.write(digest, 'hex')
  header.writeBigUInt64BE(BigInt(size), 32)
  return Buffer.concat([header, content])
}
const MAGIC = Buffer.from('TOWBLOB1')
const END = Buffer.alloc(40, 0xff)
const a = Buffer.from('a')
const infoA = { digest: hash('sha256', a), size: 1 }
const crafted = (...parts: Buffer[]) => inChunks(zstdCompressSync(Buffer.concat(parts)))

describe('a transfer is refused', () => {
  const store = () => createBlobStore(temporaryFolder())
  const refused = async (stream: AsyncIterable<Uint8Array>, announced = [infoA]) =>
    (await refusalOf(() => unpackBlobs(stream, store(), announced))).message

  it('when a file was not announced, comes twice, or with another length or content', async () => {
    expect(await refused(crafted(MAGIC, frame(infoA.digest, a), END), [])).toMatch(/was not announced/)
    expect(await refused(crafted(MAGIC, frame(infoA.digest, a), frame(infoA.digest, a), END))).toMatch(
      /was not announced/,
    )
    expect(await refused(crafted(MAGIC, frame(infoA.digest, Buffer.from('aa')), END))).toMatch(
      /has 2 bytes, announced were 1/,
    )
    expect(await refused(crafted(MAGIC, frame(infoA.digest, Buffer.from('b')), END))).toMatch(/hash to/)
  })

  it('when it unfolds to more than was announced, without unfolding it', async () => {
    expect(await refused(crafted(MAGIC, frame(infoA.digest, a), END, Buffer.alloc(200 * 1024 ** 2)))).toMatch(
      /bytes follow its end/,
    )
    expect(await refused(crafted(MAGIC, frame(infoA.digest, Buffer.alloc(200 * 1024 ** 2))))).toMatch(
      /announced were 1/,
    )
    expect(await refused(crafted(MAGIC, frame(infoA.digest, Buffer.alloc(0), 2 ** 52)))).toMatch(
      /announced were 1/,
    )
  })

  it('when it is damaged or something else altogether', async () => {
    const whole = await packed()
    const damaged = Buffer.from(whole)
    damaged.fill(0, 30_000, 30_100)
    expect(await refused(inChunks(damaged), blobs)).toMatch(/compressed bytes are damaged|hash to|announced/)
    expect(await refused(inChunks(Buffer.from('<html>404</html>')))).toMatch(/compressed bytes are damaged/)
    expect(await refused(crafted(Buffer.from('SOMETHING ELSE')))).toMatch(/not in a format that is known/)
  })

  it('by its sender when a file is no longer what was scanned', async () => {
    const root = writeFiles(temporaryFolder(), { a: 'one', b: 'two' })
    const { tree } = await scan(root)
    writeFileSync(join(root, 'b'), 'TWO')
    const refusal = await refusalOf(() =>
      packed([...tree.entries], workingCopyReader(root, tree) as typeof read),
    )
    expect(refusal).toMatchObject({
      code: 'CONFLICT',
      message: '“b” was changed while it was being shipped.',
    })
  })
})

describe('a transfer', () => {
  it('brings every blob, small and large, compressed', async () => {
    const store = createBlobStore(temporaryFolder())
    const bytes = blobs.reduce((sum, { size }) => sum + size, 0)
    expect(await unpackBlobs(inChunks(await packed()), store, blobs)).toEqual({ blobs: blobs.length, bytes })
    for (const [digest, content] of byDigest) expect(store.readBytes(digest).equals(content)).toBe(true)
    const text = [{ digest: hash('sha256', CONTENTS[2]!), size: CONTENTS[2]!.length }]
    expect((await packed(text)).length).toBeLessThan(500)
  })

  it('brings files and links of a working copy', async () => {
    const root = writeFiles(temporaryFolder(), { 'a/b': 'one', link: ['a/b', 'link'], empty: '' })
    const { tree } = await scan(root)
    const store = createBlobStore(temporaryFolder())
    const stream = packBlobs(tree.entries, workingCopyReader(root, tree))
    expect((await unpackBlobs(stream, store, tree.entries)).blobs).toBe(3)
    expect(tree.entries.map(({ digest }) => store.readBytes(digest).toString())).toEqual(['one', '', 'a/b'])
  })

  it('of nothing is a whole transfer', async () => {
    expect(await unpackBlobs(inChunks(await packed([])), createBlobStore(temporaryFolder()), [])).toEqual({
      blobs: 0,
      bytes: 0,
    })
  })

  it('that breaks off, wherever, keeps the files that arrived whole and goes on from there', async () => {
    const whole = await packed()
    async function* broken(end: number) {
      yield* inChunks(whole.subarray(0, end))
      throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
    }
    let mostKept = 0
    for (const part of [0, 0.001, 0.02, 0.3, 0.6, 0.99, 0.9999]) {
      const end = Math.floor(whole.length * part)
      for (const stream of [() => inChunks(whole.subarray(0, end)), () => broken(end)]) {
        const store = createBlobStore(temporaryFolder())
        const refusal = await refusalOf(() => unpackBlobs(stream(), store, blobs))
        expect(refusal.code).toBe('UNAVAILABLE')
        const missing = new Set(store.missing(blobs.map(({ digest }) => digest)))
        const kept = blobs.length - missing.size
        expect(refusal.message).toContain(`${kept} whole`)
        mostKept = Math.max(mostKept, kept)
        const rest = blobs.filter(({ digest }) => missing.has(digest))
        expect((await unpackBlobs(inChunks(await packed(rest)), store, rest)).blobs).toBe(rest.length)
        expect(store.missing(blobs.map(({ digest }) => digest))).toEqual([])
      }
    }
    expect(mostKept).toBeGreaterThanOrEqual(blobs.length - 1)
  })

  it('that ends between two files is not taken for a whole one', async () => {
    const store = createBlobStore(temporaryFolder())
    const refusal = await refusalOf(() => unpackBlobs(crafted(MAGIC, frame(infoA.digest, a)), store, [infoA]))
    expect(refusal).toMatchObject({
      code: 'UNAVAILABLE',
      message: 'The transfer ended early; 1 whole file was kept.',
    })
  })

  it('ends at once when it is cancelled, even if its sender has gone quiet', async () => {
    const whole = await packed()
    const controller = new AbortController()
    async function* quiet() {
      yield whole.subarray(0, 20_000)
      controller.abort()
      await new Promise(() => {})
    }
    const store = createBlobStore(temporaryFolder())
    const options = { signal: controller.signal }
    expect((await refusalOf(() => unpackBlobs(quiet(), store, blobs, options))).code).toBe('CANCELLED')
  })
})
