import { hash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SEED } from '../../test/seed.ts'
import { makeTree } from '../trees/tree.ts'
import { openAgent } from './agent.ts'
import { encodeFrame, readFrames } from './frames.ts'
import { type Holder, openHolder } from './holder.ts'

/** Both ends of a connection as a network has it. */
async function pair(): Promise<[Duplex, Duplex]> {
  const path = join(home, `socket-${ends++}`)
  const server = createServer().listen(path)
  const theirs = new Promise<Duplex>((resolve) => server.once('connection', resolve))
  const ours = connect(path)
  const joined = await theirs
  server.close()
  return [ours, joined]
}

let ends = 0
let home: string
let workspace: string
let restarts: number
const read = (path: string) => readFileSync(join(workspace, path), 'utf8')

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tow-workspace-'))
  workspace = join(home, 'workspace')
  mkdirSync(workspace)
  restarts = 0
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function newAgent() {
  return openAgent({
    folder: workspace,
    state: join(home, 'state'),
    uid: null,
    async restart() {
      restarts++
      return { restarted: ['web'], ended: [] }
    },
  })
}

/** Files by path as a tree, and what reads them. A value that begins with `->` is a link. */
function source(files: Record<string, string>) {
  const contents = new Map<string, Buffer>()
  const entries = Object.entries(files).map(([path, text]) => {
    const isLink = text.startsWith('->')
    const bytes = Buffer.from(isLink ? text.slice(2) : text)
    const digest = hash('sha256', bytes)
    contents.set(digest, bytes)
    return { path, mode: isLink ? ('link' as const) : ('644' as const), digest, size: bytes.length }
  })
  return {
    tree: makeTree(entries),
    async *read(digest: string) {
      yield contents.get(digest)!
    },
  }
}

async function joined(
  agent = newAgent(),
  claims: string[] = [],
): Promise<{ holder: Holder; ours: Duplex; theirs: Duplex }> {
  const [ours, theirs] = await pair()
  void agent.serve(theirs)
  return { holder: await openHolder(ours, claims), ours, theirs }
}

describe('a workspace', () => {
  test('equals the files that were sent, by its own word and on the disk, and starts its process anew once', async () => {
    const { holder } = await joined()
    const first = source({ 'server.js': 'one', 'lib/a.js': 'a', 'link.js': '->lib/a.js' })
    const done = await holder.make(first.tree, first.read)
    expect(done).toMatchObject({ hash: first.tree.hash, restarted: ['web'], files: 3 })
    expect(read('link.js')).toBe('a')
    const second = source({ 'server.js': 'two' })
    expect(await holder.make(second.tree, second.read)).toMatchObject({ hash: second.tree.hash, files: 3 })
    expect(read('server.js')).toBe('two')
    expect(existsSync(join(workspace, 'lib'))).toBe(false)
    expect(await holder.make(second.tree, second.read)).toBeNull()
    expect(restarts).toBe(2)
  })

  test('keeps what it was made from where that is what the holder has, and sends nothing of it', async () => {
    writeFileSync(join(workspace, 'server.js'), 'one')
    writeFileSync(join(workspace, 'other.js'), 'changed here')
    const { holder } = await joined(newAgent(), ['server.js', 'other.js', 'gone.js'])
    const want = source({ 'server.js': 'one', 'other.js': 'as it is there' })
    expect(await holder.make(want.tree, want.read)).toMatchObject({ files: 1 })
    expect(read('other.js')).toBe('as it is there')
  })

  test('leaves alone what the app and the build made', async () => {
    mkdirSync(join(workspace, 'node_modules/dep'), { recursive: true })
    writeFileSync(join(workspace, 'node_modules/dep/index.js'), 'built')
    const { holder } = await joined()
    const first = source({ 'src/a.js': 'a' })
    await holder.make(first.tree, first.read)
    writeFileSync(join(workspace, 'src/written-by-the-app'), 'x')
    const none = source({})
    await holder.make(none.tree, none.read)
    expect(read('src/written-by-the-app')).toBe('x')
    expect(read('node_modules/dep/index.js')).toBe('built')
  })

  test('names what was changed there behind its back, and is made equal again', async () => {
    const { holder } = await joined()
    const want = source({ 'a.js': 'a', 'b.js': 'b' })
    await holder.make(want.tree, want.read)
    expect((await holder.verify()).paths).toEqual([])
    writeFileSync(join(workspace, 'a.js'), 'somebody else')
    rmSync(join(workspace, 'b.js'))
    expect((await holder.verify()).paths.sort()).toEqual(['a.js', 'b.js'])
    holder.close()
    const again = await joined()
    await again.holder.make(want.tree, want.read)
    expect((await again.holder.verify()).paths).toEqual([])
    expect(read('a.js')).toBe('a')
  })

  test('forgets no file of before, whoever died meanwhile: what is gone from the source goes there too', async () => {
    const { holder } = await joined()
    const first = source({ 'old.js': 'old', 'kept.js': 'kept' })
    await holder.make(first.tree, first.read)
    const { holder: next } = await joined(newAgent())
    const second = source({ 'kept.js': 'kept' })
    expect(await next.make(second.tree, second.read)).toMatchObject({ files: 1, hash: second.tree.hash })
    expect(existsSync(join(workspace, 'old.js'))).toBe(false)
  })

  test('turns a file into a folder and back', async () => {
    const { holder } = await joined()
    for (const files of [{ a: 'file' }, { 'a/b': 'in a folder' }, { a: 'file' }]) {
      const want = source(files)
      await holder.make(want.tree, want.read)
      expect((await holder.verify()).paths).toEqual([])
    }
    expect(read('a')).toBe('file')
  })

  test('takes a large file in parts', async () => {
    const { holder } = await joined()
    const want = source({ 'large.bin': 'x'.repeat(20 * 1024 ** 2) })
    expect(await holder.make(want.tree, want.read)).toMatchObject({ hash: want.tree.hash })
    expect(read('large.bin')).toHaveLength(20 * 1024 ** 2)
  })

  test('gives whoever comes last the word, and sends whoever was there away', async () => {
    const agent = newAgent()
    const { holder: before } = await joined(agent)
    await joined(agent)
    await before.closed
    const want = source({ a: 'a' })
    await expect(before.make(want.tree, want.read)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

describe('nothing outside it is touched', () => {
  test.each([
    ['by a path that leads out', { '../out': 'x' }],
    ['by a path from the root', { '/out': 'x' }],
    ['by a link that leads out', { out: '->../../etc/passwd' }],
  ])('%s', async (_, files) => {
    const { holder } = await joined()
    const want = source(files as Record<string, string>)
    await expect(holder.make(want.tree, want.read)).rejects.toThrow()
    expect(existsSync(join(home, 'out'))).toBe(false)
    const good = source({ a: 'a' })
    expect(await holder.make(good.tree, good.read)).toMatchObject({ files: 1 })
  })

  test('through a folder that the app has replaced by a link', async () => {
    const { holder } = await joined()
    const first = source({ 'data/a': 'a' })
    await holder.make(first.tree, first.read)
    rmSync(join(workspace, 'data'), { recursive: true })
    mkdirSync(join(home, 'elsewhere'))
    symlinkSync(join(home, 'elsewhere'), join(workspace, 'data'))
    const second = source({ 'data/a': 'changed', 'data/b': 'b' })
    await expect(holder.make(second.tree, second.read)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(existsSync(join(home, 'elsewhere/b'))).toBe(false)
  })

  test('by a content that is not what it says, and by what is no message at all', async () => {
    const [ours, theirs] = await pair()
    void newAgent().serve(theirs)
    ours.write(encodeFrame({ type: 'hello', version: 1, claims: [] }))
    ours.write(
      encodeFrame({ type: 'contents', blobs: [{ digest: 'a'.repeat(64), size: 3 }] }, Buffer.from('abc')),
    )
    const codes: unknown[] = []
    for await (const { message } of readFrames(ours)) codes.push((message as { code?: string }).code)
    expect(codes).toEqual([undefined, 'CONFLICT'])
    const [mine, other] = await pair()
    void newAgent().serve(other)
    mine.write(encodeFrame({ type: 'format-the-disk' }))
    for await (const { message } of readFrames(mine)) expect(message).toMatchObject({ code: 'BAD_INPUT' })
  })
})

test('a reader never sees half a file', async () => {
  const { holder } = await joined()
  const of = (letter: string) => source({ 'page.txt': letter.repeat(200_000) })
  await holder.make(of('a').tree, of('a').read)
  const reader = new Worker(
    `const { workerData, parentPort } = require('node:worker_threads')
     const { readFileSync } = require('node:fs')
     let reads = 0, torn = 0, stop = false
     parentPort.on('message', () => { stop = true })
     const look = () => {
       for (let i = 0; i < 20; i++) {
         const text = readFileSync(workerData, 'utf8')
         reads++
         if (text.length !== 200000 || text !== text[0].repeat(text.length)) torn++
       }
       if (stop) parentPort.postMessage({ reads, torn })
       else setImmediate(look)
     }
     look()`,
    { eval: true, workerData: join(workspace, 'page.txt') },
  )
  for (let turn = 0; turn < 100; turn++) {
    const next = of('abcdefgh'[turn % 8]!)
    await holder.make(next.tree, next.read)
  }
  const told = new Promise<{ reads: number; torn: number }>((resolve) => reader.once('message', resolve))
  reader.postMessage('stop')
  const { reads, torn } = await told
  await reader.terminate()
  expect(reads).toBeGreaterThan(50)
  expect(torn).toBe(0)
})

describe('whatever is lost on the way', () => {
  const SCHEDULES = Number(process.env.TOW_TEST_SCHEDULES ?? 200)
  test(`in ${SCHEDULES} schedules of edits, cut connections and killed agents it ends equal`, async () => {
    for (let schedule = 0; schedule < SCHEDULES; schedule++) {
      const random = generator(SEED + schedule)
      const pick = (most: number) => Math.floor(random() * most)
      rmSync(workspace, { recursive: true, force: true })
      rmSync(join(home, 'state'), { recursive: true, force: true })
      mkdirSync(workspace)
      writeFileSync(join(workspace, 'theirs'), 'untouched')
      const files: Record<string, string> = {}
      let agent = newAgent()
      let connection = await joined(agent)
      let want: ReturnType<typeof source> = source(files)
      for (let step = 0; step < 8; step++) {
        for (let edit = pick(4); edit >= 0; edit--) change(files, pick)
        want = source(files)
        const making = connection.holder
          .make(want.tree, want.read)
          .catch((error) => error as { code?: string })
        const fault = pick(4)
        for (let wait = pick(6); wait > 0; wait--) await new Promise(setImmediate)
        if (fault === 0) connection.theirs.destroy()
        if (fault === 1) connection.ours.destroy()
        if (fault === 2) {
          connection.theirs.destroy()
          agent = newAgent()
        }
        const outcome = await Promise.race([making, connection.holder.closed])
        if (fault < 3 || (outcome as { code?: string } | null)?.code) connection = await joined(agent)
      }
      await connection.holder.make(want.tree, want.read)
      const told = await connection.holder.verify()
      const name = `schedule ${schedule} of seed ${SEED}`
      expect({ name, hash: told.hash, paths: told.paths }).toEqual({ name, hash: want.tree.hash, paths: [] })
      for (const [path, text] of Object.entries(files)) expect(read(path), name).toBe(text)
      expect(read('theirs'), name).toBe('untouched')
      expect(onDisk(workspace), name).toBe(want.tree.entries.length + 1)
      connection.holder.close()
    }
  }, 600_000)
})

const NAMES = ['a', 'b', 'c/d', 'c/e', 'c/f/g', 'h', 'i/j']

function change(files: Record<string, string>, pick: (most: number) => number): void {
  const path = NAMES[pick(NAMES.length)]!
  if (pick(3) === 0) delete files[path]
  else files[path] = `text ${pick(5)}`
}

function onDisk(folder: string): number {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile()).length
}

/** mulberry32 */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
