/** What the disk does to blobs, and who is kept from taking them away. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, utimesSync } from 'node:fs'
import { chmod, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { type BlobStore, createBlobStore } from '../../../trees/blob-store.ts'
import { makeTree } from '../../../trees/tree.ts'
import { createBlobCheck } from './check-blobs.ts'
import { createContent } from './index.ts'
import { migrations } from './store.ts'

let database: TestDatabase
let folder: string
let blobs: BlobStore
let content: ReturnType<typeof createContent>

beforeAll(async () => {
  database = await openTestDatabase(migrations)
})
afterAll(() => database.close())
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tow-safety-'))
  blobs = createBlobStore(join(folder, 'blobs'))
  content = createContent({
    database: database.database,
    blobs,
    clock: { now: () => new Date() },
    onError: () => {},
    roots: async () => ({ trees: [], blobs: [] }),
    graceMilliseconds: 1000,
  })
  return () => rmSync(folder, { recursive: true, force: true })
})

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')

async function damage(text: string): Promise<void> {
  await chmod(blobs.path(digestOf(text)), 0o644)
  await writeFile(blobs.path(digestOf(text)), `${text}!`)
}

test('doctor reads every blob, names all that are damaged, and shipping again mends it', async () => {
  const texts = ['one', 'two', 'three', 'x'.repeat(3_000_000)]
  for (const text of texts) await blobs.put(Buffer.from(text), digestOf(text))
  const tree = makeTree([{ path: 'two.txt', mode: '644', digest: digestOf('two'), size: 3 }])
  const upload = { hash: tree.hash, upserts: [...tree.entries], removals: [] }
  expect(await content.put(upload)).toMatchObject({ complete: true })
  expect(await content.check()).toEqual({
    ...{ name: 'blobs', ok: true },
    message: '5 blobs, 3 MB: every one is as it was written',
  })
  await damage('two')
  await damage(texts[3]!)
  const { ok, message, mend } = await content.check()
  expect(ok).toBe(false)
  expect(message).toContain('2 blobs were damaged on disk and set aside: ')
  for (const text of ['two', texts[3]!]) expect(message).toContain(digestOf(text).slice(0, 12))
  expect(mend).toContain('tow ship')
  // The tree was known as whole, and is asked for again.
  expect(await content.put(upload)).toMatchObject({ complete: false, missing: [digestOf('two')] })
  await blobs.put(Buffer.from('two'), digestOf('two'))
  expect((await content.check()).message).toContain('1 blob was damaged')
  await blobs.put(Buffer.from(texts[3]!), digestOf(texts[3]!))
  expect(await content.check()).toMatchObject({ ok: true })
})

test('doctor tells how far it is where reading takes long, and goes on', async () => {
  await blobs.put(Buffer.from('slow'), digestOf('slow'))
  let goOn = () => {}
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const slow: BlobStore = {
    ...blobs,
    async *read(digest) {
      await held
      yield* blobs.read(digest)
    },
  }
  const check = createBlobCheck({ blobs: slow, onDamage: async () => {}, patience: 10 })
  expect(await check()).toMatchObject({ ok: true, message: expect.stringContaining('ask again') })
  goOn()
  while (!(await check()).message.includes('every one')) {}
})

test('nothing is collected while a backup is taken, and a backup waits for the collection under way', async () => {
  await blobs.put(Buffer.from('old'), digestOf('old'))
  const longAgo = new Date(Date.now() - 3_600_000)
  utimesSync(blobs.path(digestOf('old')), longAgo, longAgo)
  const open = await content.backup!.open()
  let isOver = false
  const collecting = content.collect().then((collected) => {
    isOver = true
    return collected
  })
  const names: string[] = []
  for await (const { name, content: bytes } of open.files()) {
    names.push(name)
    for await (const _ of bytes);
  }
  expect(names).toEqual([digestOf('old')])
  expect(isOver).toBe(false)
  await open.close()
  expect(await collecting).toMatchObject({ blobs: 1 })
})

test('a damaged blob is left out of a backup and named, and the others are in it', async () => {
  for (const text of ['good', 'bad']) await blobs.put(Buffer.from(text), digestOf(text))
  await damage('bad')
  const open = await content.backup!.open()
  const names: string[] = []
  for await (const { name } of open.files()) names.push(name)
  expect(names).toEqual([digestOf('good')])
  expect(open.about()).toEqual({ damaged: [digestOf('bad')] })
  await open.close()
  await rm(join(blobs.folder, 'corrupt'), { recursive: true })
})
