import { createHash } from 'node:crypto'
import { rmSync, utimesSync, writeFileSync } from 'node:fs'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { connect, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openTestDatabase, type TestDatabase } from '../../../../test/database.ts'
import { serveForTest, type TestServer, TOKEN } from '../../../../test/serve.ts'
import { uploadTree } from '../../../cli/upload.ts'
import { createClient } from '../../../client/client.ts'
import { type BlobStore, createBlobStore } from '../../../trees/blob-store.ts'
import { makeTree, type Tree, type TreeEntry } from '../../../trees/tree.ts'
import { createContent, type Roots } from './index.ts'
import { migrations } from './store.ts'

const HOUR = 3600_000
let database: TestDatabase
let folder: string
let blobs: BlobStore
let content: ReturnType<typeof createContent>
let server: TestServer
let roots: { trees: string[]; blobs: string[] }
let now: Date

beforeAll(async () => {
  database = await openTestDatabase(migrations)
})
afterAll(() => database.close())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tow-content-'))
  blobs = createBlobStore(join(folder, 'blobs'))
  roots = { trees: [], blobs: [] }
  now = new Date()
  content = createContent({
    database: database.database,
    blobs,
    clock: { now: () => now },
    onError: (error) => {
      throw error
    },
    roots: async (): Promise<Roots> => roots,
    graceMilliseconds: HOUR,
  })
  server = await serveForTest({
    database: database.database,
    routes: content.routes,
    mounts: [(scope) => content.mount?.(scope)],
  })
  return async () => {
    await server.close()
    await rm(folder, { recursive: true, force: true })
  }
})

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex')

/** A tree from texts by path, and what reads its files. */
function treeOf(files: Record<string, string>): {
  tree: Tree
  read: (digest: string) => AsyncIterable<Buffer>
  reads: string[]
} {
  const texts = new Map(Object.values(files).map((text) => [digestOf(text), text]))
  const reads: string[] = []
  return {
    reads,
    tree: makeTree(
      Object.entries(files).map(
        ([path, text]): TreeEntry => ({
          path,
          mode: path.endsWith('.link') ? 'link' : '644',
          digest: digestOf(text),
          size: Buffer.byteLength(text),
        }),
      ),
    ),
    async *read(digest) {
      reads.push(digest)
      yield Buffer.from(texts.get(digest)!)
    },
  }
}

const manyFiles = (count: number, seed: string) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`src/${i % 100}/file-${i}.ts`, `${seed} ${i}`]))

describe('a tree', () => {
  test('counts as complete only when every file of it has arrived', async () => {
    const { tree, read } = treeOf({ 'a.txt': 'one', 'b.txt': 'two' })
    const told = await server.client.trees.put({ hash: tree.hash, upserts: [...tree.entries], removals: [] })
    expect(told).toMatchObject({ complete: false, unknownBase: false })
    expect(told.missing.sort()).toEqual(tree.entries.map((entry) => entry.digest).sort())
    await expect(content.completeTree(database.db, tree.hash)).rejects.toMatchObject({ code: 'CONFLICT' })

    await uploadTree(server.client, tree, read)
    expect((await content.completeTree(database.db, tree.hash)).entries).toEqual(tree.entries)
  })

  test('of 20,000 files with one changed line travels as one file and a small difference', async () => {
    const files = manyFiles(20_000, 'line')
    const before = treeOf(files)
    // As if every file of it had been sent before.
    await content.adopt(before.tree)
    const after = treeOf({ ...files, 'src/7/file-107.ts': 'a changed line' })
    const bodies: number[] = []
    const client = createClient({
      url: server.url,
      token: TOKEN,
      async fetch(request, init) {
        const body = Buffer.from(await request.clone().arrayBuffer())
        bodies.push(body.length)
        return fetch(request, init)
      },
    })
    const uploaded = await uploadTree(client, after.tree, after.read, { base: before.tree })
    expect(uploaded.files).toBe(1)
    expect(after.reads).toEqual([digestOf('a changed line')])
    expect(bodies.reduce((sum, size) => sum + size, 0)).toBeLessThan(2000)
    expect((await content.completeTree(database.db, after.tree.hash)).hash).toBe(after.tree.hash)
  })

  test('is told whole where the platform does not know the base', async () => {
    const base = treeOf({ 'a.txt': 'never sent' })
    const { tree, read } = treeOf({ 'a.txt': 'never sent', 'b.txt': 'more' })
    await uploadTree(server.client, tree, read, { base: base.tree })
    expect((await content.completeTree(database.db, tree.hash)).entries).toHaveLength(2)
  })

  test('is refused when it is not what its hash says', async () => {
    const { tree } = treeOf({ 'a.txt': 'one' })
    const other = treeOf({ 'a.txt': 'two' })
    await expect(
      server.client.trees.put({ hash: tree.hash, upserts: [...other.tree.entries], removals: [] }),
    ).rejects.toMatchObject({ code: 'CONFLICT' })
  })

  test('with a path that leads out of it is refused', async () => {
    const { tree } = treeOf({ '../etc/passwd': 'root' })
    await expect(
      server.client.trees.put({ hash: tree.hash, upserts: [...tree.entries], removals: [] }),
    ).rejects.toMatchObject({ code: 'REFUSED', message: expect.stringContaining('../etc/passwd') })
  })

  test('with a link that leads out of it is refused once the target is known', async () => {
    const { tree, read } = treeOf({ 'out.link': '../../etc' })
    await expect(uploadTree(server.client, tree, read)).rejects.toMatchObject({ code: 'REFUSED' })
    await expect(content.completeTree(database.db, tree.hash)).rejects.toMatchObject({ code: 'REFUSED' })
  })

  test('is refused when a file has another size than announced', async () => {
    const known = treeOf({ 'a.txt': 'twelve bytes' })
    await uploadTree(server.client, known.tree, known.read)
    const lie = makeTree([{ path: 'b.txt', mode: '644', digest: digestOf('twelve bytes'), size: 1 }])
    await expect(
      server.client.trees.put({ hash: lie.hash, upserts: [...lie.entries], removals: [] }),
    ).rejects.toMatchObject({ code: 'BAD_INPUT', message: expect.stringContaining('b.txt') })
  })

  test('whose file was found damaged on disk is asked for again', async () => {
    const { tree, read } = treeOf({ 'a.txt': 'precious', 'b.txt': 'fine' })
    await uploadTree(server.client, tree, read)
    const path = blobs.path(digestOf('precious'))
    await chmod(path, 0o644)
    writeFileSync(path, 'precioux')
    expect(() => blobs.readBytes(digestOf('precious'))).toThrow('damaged')
    await content.doubt(tree.hash)
    const told = await server.client.trees.put({ hash: tree.hash, upserts: [...tree.entries], removals: [] })
    expect(told.missing).toEqual([digestOf('precious')])
  })
})

test('a tree that was doubted for another one’s loss is still whole', async () => {
  const fine = treeOf({ 'a.txt': 'all here' })
  const hurt = treeOf({ 'b.txt': 'soon lost' })
  for (const one of [fine, hurt]) await uploadTree(server.client, one.tree, one.read)
  await content.doubt(fine.tree.hash)
  rmSync(blobs.path(digestOf('soon lost')))
  await content.doubt(hurt.tree.hash)
  expect((await content.completeTree(database.db, fine.tree.hash)).entries).toHaveLength(1)
  await expect(content.completeTree(database.db, hurt.tree.hash)).rejects.toMatchObject({ code: 'CONFLICT' })
})

describe('the door for blobs', () => {
  test('keeps whole files of a connection that breaks, and the upload goes on without sending them again', async () => {
    // Random, so that compression leaves the sizes about as they are.
    const files = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [
        `f${i}`,
        Array.from({ length: 1000 }, (_, j) => digestOf(`${i} ${j}`)).join(''),
      ]),
    )
    const { tree, read, reads } = treeOf(files)
    const proxy = await cuttingProxy(new URL(server.url), 700_000)
    try {
      const client = createClient({ url: proxy.url, token: TOKEN })
      await uploadTree(client, tree, read, { patience: 1 })
    } finally {
      await proxy.close()
    }
    expect(proxy.cuts()).toBeGreaterThan(0)
    expect((await content.completeTree(database.db, tree.hash)).entries).toHaveLength(40)
    // Those that were under way when it broke are sent again; those that had arrived are not.
    expect(reads.length).toBeGreaterThan(40)
    expect(reads.length).toBeLessThan(80)
  })

  test('takes nothing that does not belong to a known tree', async () => {
    const { tree, read } = treeOf({ 'a.txt': 'one' })
    const stranger = treeOf({ 'b.txt': 'two' })
    await server.client.trees.put({ hash: tree.hash, upserts: [...tree.entries], removals: [] })
    const send = (hash: string, of: typeof stranger) =>
      uploadTree(
        {
          trees: {
            put: async () => ({
              hash,
              complete: false,
              missing: [of.tree.entries[0]!.digest],
              unknownBase: false,
            }),
          } as never,
          door: server.client.door,
        },
        { hash, entries: of.tree.entries },
        of.read,
      )
    await expect(send(tree.hash, stranger)).rejects.toMatchObject({ code: 'BAD_INPUT' })
    await expect(send(stranger.tree.hash, stranger)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    expect(blobs.has(digestOf('two'))).toBe(false)
    await uploadTree(server.client, tree, read)
  })

  test('refuses a body that is no stream of blobs', async () => {
    const { tree } = treeOf({ 'a.txt': 'one' })
    await server.client.trees.put({ hash: tree.hash, upserts: [...tree.entries], removals: [] })
    const request = (contentType: string) =>
      server.client.door.request(`/blobs?tree=${tree.hash}`, {
        method: 'POST',
        contentType,
        body: new Uint8Array(Buffer.from('hello')),
      })
    await expect(request('application/vnd.towpath.blobs')).rejects.toMatchObject({ code: 'BAD_INPUT' })
    await expect(request('text/plain')).rejects.toMatchObject({ code: 'BAD_INPUT' })
  })
})

describe('collection', () => {
  /** As if everything in the store had been put that long ago. */
  async function age(milliseconds: number) {
    const then = new Date(Date.now() - milliseconds)
    for (const file of await readdir(blobs.folder, { recursive: true })) {
      utimesSync(join(blobs.folder, file), then, then)
    }
    now = new Date(Date.now() + milliseconds)
  }

  test('removes what nothing refers to and keeps what something does', async () => {
    const kept = treeOf({ 'kept.txt': 'kept', 'shared.txt': 'shared' })
    const gone = treeOf({ 'gone.txt': 'gone', 'shared.txt': 'shared' })
    for (const one of [kept, gone]) await uploadTree(server.client, one.tree, one.read)
    await content.keep(Buffer.from('an SBOM'), digestOf('an SBOM'))
    await content.keep(Buffer.from('a lost SBOM'), digestOf('a lost SBOM'))
    roots = { trees: [kept.tree.hash], blobs: [digestOf('an SBOM')] }
    await age(2 * HOUR)
    await content.collect()

    expect(blobs.has(digestOf('gone'))).toBe(false)
    expect(blobs.has(digestOf('a lost SBOM'))).toBe(false)
    await expect(content.completeTree(database.db, gone.tree.hash)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    expect(blobs.has(digestOf('shared'))).toBe(true)
    expect(blobs.has(digestOf('an SBOM'))).toBe(true)
    expect((await content.completeTree(database.db, kept.tree.hash)).entries).toHaveLength(2)
  })

  test('spares what was used within the grace time', async () => {
    const { tree, read } = treeOf({ 'young.txt': 'young' })
    await uploadTree(server.client, tree, read)
    await content.collect()
    expect((await content.completeTree(database.db, tree.hash)).entries).toHaveLength(1)
  })

  test('spares a tree that somebody announces again while it looks', async () => {
    const { tree, read } = treeOf({ 'again.txt': 'announced again' })
    await uploadTree(server.client, tree, read)
    await age(2 * HOUR)
    const trees = { [Symbol.iterator]: () => [][Symbol.iterator]() }
    const collecting = createContent({
      database: database.database,
      blobs,
      clock: { now: () => now },
      onError: () => {},
      graceMilliseconds: HOUR,
      async roots() {
        // Between asking what is in use and forgetting what is not.
        const told = await server.client.trees.put({
          hash: tree.hash,
          upserts: [...tree.entries],
          removals: [],
        })
        expect(told.complete).toBe(true)
        return { trees, blobs: [] }
      },
    })
    await collecting.collect()
    expect(blobs.has(digestOf('announced again'))).toBe(true)
    expect((await content.completeTree(database.db, tree.hash)).entries).toHaveLength(1)
  })

  test('lets a tree go whose own text was lost, and takes it again later', async () => {
    const { tree, read } = treeOf({ 'a.txt': 'text of a lost tree' })
    await uploadTree(server.client, tree, read)
    rmSync(blobs.path(tree.hash))
    const fresh = createContent({
      database: database.database,
      blobs,
      clock: { now: () => now },
      onError: () => {},
      roots: async () => roots,
      graceMilliseconds: HOUR,
    })
    await fresh.collect()
    expect((await fresh.put({ hash: tree.hash, upserts: [...tree.entries], removals: [] })).complete).toBe(
      true,
    )
    expect((await fresh.tree(tree.hash)).entries).toHaveLength(1)
  })
})

/** Cuts each of the first connections that carried more than `bytes` towards the server. */
async function cuttingProxy(target: URL, bytes: number) {
  let cut = 0
  const open = new Set<Socket>()
  const proxy: Server = createTcpServer((client) => {
    open.add(client)
    const upstream = connect(Number(target.port), target.hostname)
    let seen = 0
    client.on('data', (chunk) => {
      seen += chunk.length
      upstream.write(chunk)
      if (seen > bytes && cut < 2) {
        cut += 1
        client.destroy()
        upstream.destroy()
      }
    })
    upstream.on('data', (chunk) => client.write(chunk))
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  const { port } = proxy.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    cuts: () => cut,
    close() {
      for (const socket of open) socket.destroy()
      return new Promise<void>((resolve) => proxy.close(() => resolve()))
    },
  }
}
