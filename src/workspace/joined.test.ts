/** Workspaces of several processes that follow the same files. */
import { hash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Duplex, duplexPair } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { makeTree } from '../trees/tree.ts'
import { openAgent } from './agent.ts'
import { openHolder } from './holder.ts'
import { joinWorkspaces } from './joined.ts'

let home: string
let ends: Duplex[]
const read = (name: string, path: string) => readFileSync(join(home, name, path), 'utf8')

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tow-joined-'))
  ends = []
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

function agentOf(name: string, files: Record<string, string>): Duplex {
  mkdirSync(join(home, name))
  for (const [path, text] of Object.entries(files)) writeFileSync(join(home, name, path), text)
  const agent = openAgent({
    folder: join(home, name),
    state: join(home, `${name}-state`),
    uid: null,
    restart: async () => ({ restarted: name === 'cron' ? [] : [name], ended: name === 'cron' ? [name] : [] }),
  })
  const [ours, theirs] = duplexPair()
  // The two ends of a pair don't tell each other that they are gone.
  ours.on('close', () => theirs.destroy())
  theirs.on('close', () => ours.destroy())
  ends.push(theirs)
  void agent.serve(theirs)
  return ours
}

function source(files: Record<string, string>) {
  const contents = new Map(Object.values(files).map((text) => [hash('sha256', text), Buffer.from(text)]))
  const entries = Object.entries(files).map(([path, text]) => {
    return { path, mode: '644' as const, digest: hash('sha256', text), size: Buffer.byteLength(text) }
  })
  return {
    tree: makeTree(entries),
    async *read(digest: string) {
      yield contents.get(digest)!
    },
  }
}

test('each becomes equal, whatever lay in it before, and every process starts anew', async () => {
  const joined = joinWorkspaces([
    agentOf('web', { 'a.js': 'a', 'b.js': 'b', 'old.js': 'old' }),
    agentOf('worker', { 'a.js': 'a', 'b.js': 'another', 'more.js': 'more' }),
    agentOf('cron', { 'a.js': 'a' }),
  ])
  const holder = await openHolder(joined, ['a.js', 'b.js', 'old.js', 'more.js'])
  expect(holder.there().entries.map(({ path }) => path)).toEqual(['a.js'])
  const want = source({ 'a.js': 'a', 'b.js': 'new' })
  const done = await holder.make(want.tree, want.read)
  expect(done).toMatchObject({ hash: want.tree.hash, restarted: ['web', 'worker'], ended: ['cron'] })
  for (const name of ['web', 'worker', 'cron']) {
    expect(read(name, 'b.js')).toBe('new')
    expect([existsSync(join(home, name, 'old.js')), existsSync(join(home, name, 'more.js'))]).toEqual([
      false,
      false,
    ])
  }
  expect((await holder.verify()).paths).toEqual([])
  writeFileSync(join(home, 'worker', 'a.js'), 'somebody else')
  expect((await holder.verify()).paths).toEqual(['a.js'])
  expect(await holder.restart()).toMatchObject({ restarted: ['web', 'worker'] })
})

test('what one of them cannot take is refused, and the holder told which and why', async () => {
  const joined = joinWorkspaces([agentOf('web', {}), agentOf('worker', {})])
  mkdirSync(join(home, 'worker', 'a.js'))
  writeFileSync(join(home, 'worker', 'a.js', 'inside'), 'made by the app')
  const holder = await openHolder(joined, [])
  const want = source({ 'a.js': 'a' })
  await expect(holder.make(want.tree, want.read)).rejects.toMatchObject({
    code: 'CONFLICT',
    message: expect.stringContaining('a.js'),
  })
})

test('is over for the holder where one of them is, and for all where the holder leaves', async () => {
  const first = await openHolder(joinWorkspaces([agentOf('web', {}), agentOf('worker', {})]), [])
  ends[1]!.destroy()
  await first.closed
  await expect.poll(() => ends[0]!.destroyed).toBe(true)
  const streams = [agentOf('three', {}), agentOf('four', {})]
  const second = await openHolder(joinWorkspaces(streams), [])
  second.close()
  await expect.poll(() => streams.every(({ destroyed }) => destroyed)).toBe(true)
})
