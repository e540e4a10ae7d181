import { hash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { diskRefusal } from './blob-files.ts'
import { createBlobStore } from './blob-store.ts'
import { refusalOf, temporaryFolder } from './test-support.ts'

const digestOf = (content: string | Buffer) => hash('sha256', content)
const LARGE = Buffer.alloc(3 * 1024 ** 2 + 5, 'large')
const HOUR = 3_600_000

async function* inChunks(content: Buffer, size = 100_000) {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size)
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

function makeOld(file: string, age = 48 * HOUR) {
  const then = new Date(Date.now() - age)
  utimesSync(file, then, then)
}

const leftovers = (folder: string) => readdirSync(join(folder, 'tmp'))

describe('a blob store refuses', () => {
  it('bytes that are not what was announced, small or large, and keeps nothing of them', async () => {
    const store = createBlobStore(temporaryFolder())
    for (const content of [Buffer.from('x'), inChunks(LARGE)]) {
      for (const durable of [true, false]) {
        const refusal = await refusalOf(() => store.put(content, digestOf('other'), { durable }))
        expect(refusal).toMatchObject({
          code: 'BAD_INPUT',
          message: expect.stringMatching(/announced as .* hash to/),
        })
      }
    }
    expect(store.has(digestOf('other'))).toBe(false)
    expect(leftovers(store.folder)).toEqual([])
  })

  it('more bytes than were announced, before they are all there', async () => {
    const store = createBlobStore(temporaryFolder())
    let sent = 0
    async function* endless() {
      for (;;) yield Buffer.alloc(1000, sent++)
    }
    await refusalOf(() => store.put(endless(), digestOf('x'), { mostBytes: 5000 }))
    expect(sent).toBeLessThan(10)
    expect(leftovers(store.folder)).toEqual([])
  })

  it('names that are no digest, so that none leads out of its folder', async () => {
    const store = createBlobStore(temporaryFolder())
    expect((await refusalOf(() => store.path('../../etc/passwd'))).code).toBe('BAD_INPUT')
    expect((await refusalOf(() => store.put(Buffer.from('x'), digestOf('x').toUpperCase()))).code).toBe(
      'BAD_INPUT',
    )
  })

  it('to give a blob that it does not have', async () => {
    const store = createBlobStore(temporaryFolder())
    expect((await refusalOf(() => bytesOf(store.read(digestOf('x'))))).code).toBe('NOT_FOUND')
    expect((await refusalOf(() => store.readBytes(digestOf('x')))).code).toBe('NOT_FOUND')
  })

  it('a full disk in the words of a person', () => {
    const refusal = diskRefusal('/data/blobs', Object.assign(new Error('write'), { code: 'ENOSPC' }))
    expect(refusal).toMatchObject({
      code: 'DISK_FULL',
      message: 'The disk that holds “/data/blobs” is full.',
      hint: "Free some space and try again: df -h '/data/blobs'",
    })
  })

  it('a stream that fails half-way, leaving nothing', async () => {
    const store = createBlobStore(temporaryFolder())
    async function* failing() {
      yield Buffer.from('half')
      throw Object.assign(new Error('write'), { code: 'ENOSPC' })
    }
    expect((await refusalOf(() => store.put(failing(), digestOf('half')))).code).toBe('DISK_FULL')
    expect(leftovers(store.folder)).toEqual([])
  })

  it('to hand out a damaged blob: it fails at the end, sets it aside, and takes it anew', async () => {
    const store = createBlobStore(temporaryFolder())
    for (const content of [Buffer.from('good'), LARGE]) {
      const digest = digestOf(content)
      const damage = () => {
        chmodSync(store.path(digest), 0o644)
        writeFileSync(store.path(digest), 'evil')
      }
      await store.put(content, digest)
      damage()
      expect((await refusalOf(() => bytesOf(store.read(digest)))).message).toMatch(/was damaged on disk/)
      expect(store.missing([digest])).toEqual([digest])
      expect(readdirSync(join(store.folder, 'corrupt')).some((name) => name.startsWith(digest))).toBe(true)
      expect(await store.put(content, digest)).toEqual({ size: content.length, isNew: true })
      damage()
      await refusalOf(() => store.readBytes(digest))
      await store.put(content, digest)
      expect(store.readBytes(digest).equals(content)).toBe(true)
    }
  })
})

describe('a blob store', () => {
  it('gives back what was put, says what it misses, and lets nobody write to it', async () => {
    const store = createBlobStore(join(temporaryFolder(), 'not/yet/there'))
    expect(store.missing([digestOf('a')])).toEqual([digestOf('a')])
    expect(await store.put(Buffer.from('a'), digestOf('a'))).toEqual({ size: 1, isNew: true })
    expect(await store.put(inChunks(LARGE), digestOf(LARGE))).toEqual({ size: LARGE.length, isNew: true })
    expect(await store.add(inChunks(Buffer.from('b')))).toEqual({ size: 1, digest: digestOf('b') })
    await store.put(Buffer.alloc(0), digestOf(''), { durable: false })
    await store.flush()
    expect((await bytesOf(store.read(digestOf(LARGE)))).equals(LARGE)).toBe(true)
    expect(store.readBytes(digestOf('')).length).toBe(0)
    expect(store.size(digestOf(LARGE))).toBe(LARGE.length)
    expect(store.missing([digestOf('a'), digestOf('c'), digestOf('b'), digestOf('c')])).toEqual([
      digestOf('c'),
    ])
    expect(statSync(store.path(digestOf('a'))).mode & 0o777).toBe(0o444)
    expect(leftovers(store.folder)).toEqual([])
  })

  it('takes the same blob from many at once', async () => {
    const store = createBlobStore(temporaryFolder())
    const puts = Array.from({ length: 20 }, (_, index) =>
      store.put(inChunks(LARGE, 50_000 + index), digestOf(LARGE)),
    )
    await Promise.all(puts)
    expect((await bytesOf(store.read(digestOf(LARGE)))).equals(LARGE)).toBe(true)
    expect(leftovers(store.folder)).toEqual([])
  })

  it('reads a stream to its end even when it has the blob, so that its sender is not left hanging', async () => {
    const store = createBlobStore(temporaryFolder())
    await store.put(LARGE, digestOf(LARGE))
    let isFinished = false
    async function* watched() {
      yield* inChunks(LARGE)
      isFinished = true
    }
    expect(await store.put(watched(), digestOf(LARGE))).toEqual({ size: LARGE.length, isNew: false })
    expect(isFinished).toBe(true)
  })

  it('works again after its folder was removed under it', async () => {
    const folder = join(temporaryFolder(), 'blobs')
    const store = createBlobStore(folder)
    await store.put(Buffer.from('a'), digestOf('a'))
    rmSync(folder, { recursive: true })
    await store.put(Buffer.from('a'), digestOf('a')).catch(() => {})
    await store.put(Buffer.from('a'), digestOf('a'))
    expect(store.has(digestOf('a'))).toBe(true)
  })
})

describe('collection', () => {
  it('deletes what is old and referred to by nobody, and leftovers; nothing else', async () => {
    const store = createBlobStore(temporaryFolder())
    const kept = ['referred', 'young']
    for (const content of [...kept, 'garbage', 'garbage too']) {
      await store.put(Buffer.from(content), digestOf(content))
      if (content !== 'young') makeOld(store.path(digestOf(content)))
    }
    const [cutOff, underWay] = ['cut-off', 'under-way'].map((name) => join(store.folder, 'tmp', name))
    writeFileSync(cutOff!, 'x')
    makeOld(cutOff!)
    writeFileSync(underWay!, 'x')
    mkdirSync(join(store.folder, 'corrupt'), { recursive: true })
    writeFileSync(join(store.folder, 'corrupt', 'bad'), 'x')
    makeOld(join(store.folder, 'corrupt', 'bad'))
    const collected = await store.collect((digest) => digest === digestOf('referred'), {
      olderThan: 24 * HOUR,
    })
    expect(collected).toEqual({ blobs: 2, bytes: 'garbage'.length + 'garbage too'.length, leftovers: 2 })
    expect(store.missing(kept.map(digestOf))).toEqual([])
    expect(store.has(digestOf('garbage'))).toBe(false)
    expect(leftovers(store.folder)).toEqual(['under-way'])
  })

  it('spares a blob that somebody asked for or put again, for they are about to refer to it', async () => {
    const store = createBlobStore(temporaryFolder())
    for (const content of ['asked', 'put', 'neither']) {
      await store.put(Buffer.from(content), digestOf(content))
      makeOld(store.path(digestOf(content)))
    }
    expect(store.missing([digestOf('asked')])).toEqual([])
    await store.put(Buffer.from('put'), digestOf('put'))
    expect((await store.collect(() => false, { olderThan: 24 * HOUR })).blobs).toBe(1)
    expect(store.missing([digestOf('asked'), digestOf('put')])).toEqual([])
  })

  it('finds nothing to do in a store that was never used', async () => {
    const store = createBlobStore(join(temporaryFolder(), 'new'))
    expect(await store.collect(() => false, { olderThan: 0 })).toEqual({ blobs: 0, bytes: 0, leftovers: 0 })
  })
})
