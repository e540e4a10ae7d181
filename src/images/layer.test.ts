import { execFileSync } from 'node:child_process'
import { hash, randomBytes } from 'node:crypto'
import {
  createReadStream,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setImmediate as nextTurn } from 'node:timers/promises'
import tar from 'tar-stream'
import { describe, expect, it, onTestFinished } from 'vitest'
import { compressLayer, type LayerEntry, layerDigests, packLayer, writeLayer } from './layer.ts'

const PREFIX = { prefix: 'workspace' }
const LONG = `${'deep-folder/'.repeat(12)}${'n'.repeat(120)}.js`
const CONTENTS: Record<string, [content: string | Buffer, mode: LayerEntry['mode']]> = {
  'a/b.txt': ['b', '644'],
  'a-b': ['sorts between a and a/b', '644'],
  'bin/run': ['#!/bin/sh\n', '755'],
  'bin/latest': ['run', 'link'],
  'bin/far': [`../${LONG}`, 'link'],
  empty: ['', '644'],
  [LONG]: ['long', '644'],
  'ünï/日本.txt': ['unicode', '644'],
  'large.bin': [Buffer.alloc(700_001, 'large'), '644'],
}
const entries: LayerEntry[] = Object.entries(CONTENTS).map(([path, [content, mode]]) => ({
  path,
  mode,
  digest: hash('sha256', content),
  size: Buffer.byteLength(content),
}))
const reader = (size: number) =>
  async function* (digest: string) {
    const [content] = Object.values(CONTENTS).find(([content]) => hash('sha256', content) === digest)!
    const bytes = Buffer.from(content)
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tow-images-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

describe('a layer', () => {
  it('fails when a file has more or fewer bytes than it lists, or cannot be read', async () => {
    for (const size of [0, 2, 10_000]) {
      const wrong = [{ ...entries[0]!, size }]
      await expect(layerDigests(wrong, reader(1000), PREFIX)).rejects.toThrow(
        /“a\/b.txt” has other than the \d+ bytes/,
      )
    }
    // biome-ignore lint/correctness/useYield: it is about the failure
    async function* failing(): AsyncGenerator<Uint8Array> {
      throw new Error('gone')
    }
    await expect(layerDigests(entries, failing, PREFIX)).rejects.toThrow('gone')
  })

  it('has the same bytes whatever the order of its entries and the chunks they come in', async () => {
    const first = await layerDigests(entries, reader(100_000), PREFIX)
    expect(await layerDigests([...entries].reverse(), reader(777), PREFIX)).toEqual(first)
    expect((await layerDigests(entries, reader(777), { prefix: 'other' })).diffId).not.toBe(first.diffId)
  })

  it('has the digests that it had when this was written, so that no update changes them unseen', async () => {
    expect(await layerDigests(entries, reader(100_000), PREFIX)).toMatchInlineSnapshot(`
      {
        "diffId": "sha256:05c39de1b93f1f685b73ad4e3e80aa11e5a27f257061432d650903ac6a83f470",
        "digest": "sha256:1bfa06db5dd1057dece4f5d2d77bc887f63e8d7276e5285dd526df1b68b1c05c",
        "size": 2165,
      }
    `)
  })

  it('is read back by tar and gzip as it was: bytes, modes, links, long and odd names', async () => {
    const folder = temporaryFolder()
    const chunks: Uint8Array[] = []
    const digests = await writeLayer(entries, reader(5000), PREFIX, (chunk) => void chunks.push(chunk))
    const packed = Buffer.concat(chunks)
    expect(digests).toMatchObject({ size: packed.length, digest: `sha256:${hash('sha256', packed)}` })
    writeFileSync(join(folder, 'layer.tar.gz'), packed)
    execFileSync('gzip', ['-dk', 'layer.tar.gz'], { cwd: folder })
    expect(digests.diffId).toBe(`sha256:${hash('sha256', readFileSync(join(folder, 'layer.tar')))}`)
    execFileSync('tar', ['-xpf', 'layer.tar'], { cwd: folder })
    for (const [path, [content, mode]] of Object.entries(CONTENTS)) {
      const file = join(folder, 'workspace', path)
      if (mode === 'link') expect(readlinkSync(file)).toBe(content)
      else {
        expect(readFileSync(file).equals(Buffer.from(content)), path).toBe(true)
        expect((statSync(file).mode & 0o777).toString(8)).toBe(mode)
      }
    }
    const headers: tar.Header[] = []
    const extract = tar.extract()
    extract.on('entry', (header, stream, next) => {
      headers.push(header)
      stream.resume()
      next()
    })
    await pipeline(createReadStream(join(folder, 'layer.tar')), extract)
    for (const { uid, gid, mtime } of headers) {
      expect([uid, gid, mtime?.toISOString()]).toEqual([1000, 1000, '1980-01-01T00:00:01.000Z'])
    }
    const names = headers.map(({ name }) => name)
    expect(names.slice(0, 4)).toEqual(['workspace/', 'workspace/a/', 'workspace/a-b', 'workspace/a/b.txt'])
    expect(new Set(names).size).toBe(names.length)
  })

  it('of nothing is its folder alone', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'layer.tar'), await bytesOf(packLayer([], reader(1), PREFIX)))
    expect(execFileSync('tar', ['-tf', 'layer.tar'], { cwd: folder, encoding: 'utf8' })).toBe('workspace/\n')
  })

  it('is streamed: its source is never read far ahead of what was taken, however large it is', async () => {
    const block = randomBytes(1024 ** 2)
    const count = 24
    const large = { path: 'large', mode: '644' as const, digest: 'x', size: count * block.length }
    let read = 0
    async function* source() {
      for (let index = 0; index < count; index++) {
        read += block.length
        yield block
      }
    }
    let taken = 0
    // Random bytes do not get smaller, so what was read and not yet taken lies in memory.
    for await (const chunk of compressLayer(packLayer([large], source, PREFIX))) {
      taken += chunk.length
      await nextTurn()
      expect(read - taken).toBeLessThan(4 * block.length)
    }
    expect(taken).toBeGreaterThan(count * block.length)
  })
})
